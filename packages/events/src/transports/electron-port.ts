/**
 * What the processes of an Electron app say to each other before a bus speaks: see electron-main.ts for who says it.
 *
 * 1. A page makes a channel and gives one end away; frames may follow at once, they wait in the port.
 * 2. KNOCK comes first on that port: the preload is there and has passed the other end on.
 * 3. REFUSED, then close: nobody takes the port. `mayRetry` where that may change (a host that starts anew).
 */
import type { Connection, Frame, Transport } from "../wire/transport.ts";
import { portTransport, type PortLike } from "./port.ts";

/** Page to main, over the preload. */
export const CHANNEL = "atomiton:connect";
export const KNOCK = "atomiton:preload";
export const REFUSED = "atomiton:refused";
/** Main to utility process, with a port. */
export const ATTACH = "atomiton:attach";

/** What the host decided about a page. Nothing of it comes from the page's own words. */
export interface PageAdmission {
  /** Left out: the role that the page claims, where a contract names it. */
  readonly role?: string;
  /** Rights, as `execute:blueprint`; `*` is all. */
  readonly grants: readonly string[];
  readonly user?: string;
  /** May it speak for buses behind it? Default false. */
  readonly routes?: boolean;
}

/** What a page says when it dials. Believed in nothing but the choice of a bus. */
export interface Hello {
  readonly contracts?: readonly string[] | undefined;
}

/** A child of `utilityProcess.fork`. */
export interface UtilityLike {
  postMessage(message: any, transfer?: any): void;
  on(event: "exit", hear: (code: number) => void): unknown;
}

/** What is asked of a bus here: this room knows no buses. */
export interface ConnectsPages {
  connect(transport: Transport, policy: { readonly peer: PageAdmission }): unknown;
}

/**
 * Speaks over a `MessagePortMain`, in the main or the utility process. As `portTransport`, and what is posted is cut
 * to size before: posting a view hands over its whole buffer, for a small Node Buffer 8 KiB of other things.
 *
 * @example
 * const { port1, port2 } = new MessageChannelMain();
 * attachPort(child, port2, { grants: [] });
 * bus.connect(electronPort(port1));
 */
export function electronPort(port: PortLike): Transport {
  const inner = portTransport(port);
  return {
    ...inner,
    name: "electron",
    moves: false,
    shares: false,
    open(events): Connection {
      const connection = inner.open(events);
      return {
        send: (frame) => connection.send(tight(frame)),
        close: (reason) => connection.close(reason),
      };
    },
  };
}

/**
 * Connects a page's port. A port that closes without a word is a document that is gone: nobody can come back to its
 * session, so the link ends at once, and nothing is kept for it.
 */
export function connectPage(to: ConnectsPages, port: PortLike, admission: PageAdmission): void {
  const inner = electronPort(port);
  let link: unknown;
  const transport: Transport = {
    ...inner,
    open(events) {
      let isOver = false;
      const gone = (): void => {
        const ended = link as { close?(reason: string): void } | undefined;
        if (!isOver) queueMicrotask(() => ended?.close?.("its page is gone"));
      };
      // Before the port's own listener: that one takes its word for an end that may be mended.
      port.on?.("close", gone);
      return inner.open({
        onOpen: () => events.onOpen(),
        onFrame: (frame) => events.onFrame(frame),
        onDrain: () => events.onDrain(),
        onClose(cause) {
          isOver = true;
          port.removeListener?.("close", gone);
          events.onClose(cause);
        },
      });
    },
  };
  link = to.connect(transport, { peer: admission });
}

/** Gives `port` to a utility process, whose bus takes it: see `acceptPages`. */
export function attachPort(child: UtilityLike, port: PortLike, admission: PageAdmission, about?: Hello): void {
  child.postMessage({ [ATTACH]: admission, hello: about }, [port]);
}

/** A unit is one frame, or a list of frames; what may be a view on more than itself is the last part of a frame. */
function tight(unit: Frame): Frame {
  if (unit instanceof Uint8Array) return cut(unit);
  return Array.isArray(unit[0]) ? unit.map((frame) => tightFrame(frame as readonly unknown[])) : tightFrame(unit);
}

function tightFrame(frame: readonly unknown[]): readonly unknown[] {
  const body = frame.at(-1);
  if (!(body instanceof Uint8Array)) return frame;
  return [...frame.slice(0, -1), cut(body)];
}

/** By the class: the `slice` of a Node Buffer does not copy. */
const cut = (bytes: Uint8Array): Uint8Array =>
  bytes.byteLength === bytes.buffer.byteLength ? bytes : Uint8Array.prototype.slice.call(bytes);
