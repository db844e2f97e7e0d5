/** A forked child and its parent, over Node's own channel: see forked.ts for its rules. */
import { newId, systemRandom } from "../core/ids.ts";
import type { CloseCause, Connection, ConnectionEvents, Transport } from "../wire/transport.ts";
import { channelPort, invite, type ChannelLike } from "./forked.ts";
import { PORT_CLOSED, portTransport } from "./port.ts";

/**
 * Speaks with a child that this side forked; the child calls `parentTransport`, or `new EventBus()` where it was started
 * with `markedChild`. One call, one connection. The link ends when the child ends or the channel is disconnected; ending
 * the link does not end the child. Frames share the channel with the program's own messages.
 *
 * Throws TypeError for a child without a channel. A channel that was not started with `serialization: "advanced"` ends
 * the link, and the reason says so.
 *
 * @example
 * const child = fork("host.js", [], markedChild());
 * bus.connect(childTransport(child), { peer: { role: "host" } });
 */
export function childTransport(child: ChannelLike): Transport {
  if (child.send === undefined) {
    throw new TypeError("Cannot speak with this child: it has no channel; start it with fork, or use stdioTransport");
  }
  let opened = false;
  return {
    name: "child",
    medium: "clone",
    redials: false,
    open(events) {
      if (opened) throw new TypeError("Cannot open a child's transport twice: call childTransport again");
      opened = true;
      return inviteChild(child, events);
    },
  };
}

/** Between the end of a channel and the news that its child ended. */
const EXIT_MS = 1_000;

function inviteChild(child: ChannelLike, events: ConnectionEvents): Connection {
  const id = newId(systemRandom);
  const wasGone = child.connected !== true;
  let why: string | undefined;
  const exited = (code: number | null, signal: string | null): void => {
    why = `The child ${signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`}; start another one and connect it`;
    if (disconnected !== undefined) end(disconnected);
  };
  /** `exit` may come after the channel's end. */
  let disconnected: CloseCause | undefined;
  let exitTimer: unknown;
  const end = (cause: CloseCause): void => {
    clearTimeout(exitTimer);
    child.removeListener("exit", exited);
    events.onClose(cause.kind === "gone" && why !== undefined ? { ...cause, reason: why } : cause);
  };
  child.on("exit", exited);
  const connection = portTransport(channelPort(child, id)).open({
    onOpen: () => events.onOpen(),
    onFrame: (frame) => events.onFrame(frame),
    onDrain: () => events.onDrain(),
    onClose(cause: CloseCause) {
      if (wasGone) return end({ ...cause, kind: "gone" });
      if (why !== undefined || cause.reason !== PORT_CLOSED) return end(cause);
      disconnected = cause;
      exitTimer = setTimeout(() => end(cause), EXIT_MS);
    },
  });
  if (!wasGone) invite(child, id);
  else queueMicrotask(() => connection.close("The child has ended, or its channel was disconnected"));
  return connection;
}
