import { fork, type ChildProcess, type Serializable, type StdioOptions } from "node:child_process";

import { EventsError } from "../../src/core/errors.ts";
import type { CloseCause, Frame, Transport } from "../../src/wire/transport.ts";

export type How = "ipc" | "stdio" | "stdio-banner" | "fd";

const STREAMS: Readonly<Record<How, StdioOptions>> = {
  ipc: ["ignore", "inherit", "inherit", "ipc"],
  stdio: ["pipe", "pipe", "pipe", "ipc"],
  "stdio-banner": ["pipe", "pipe", "pipe", "ipc"],
  fd: ["ignore", "inherit", "inherit", "ipc", "pipe"],
};

/** A real child that holds the other end of a connection. */
export function startChild(how: How, options: { serialization?: "json" | "advanced" } = {}): ChildProcess {
  const child = fork(new URL("./fixtures/child-end.ts", import.meta.url), [how], {
    execArgv: [],
    serialization: options.serialization ?? "advanced",
    stdio: STREAMS[how],
  });
  child.setMaxListeners(0);
  return child;
}

export function tell(child: ChildProcess, what: string, value?: unknown): void {
  child.send(["do", what, value] as Serializable);
}

export async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

type News = ["open"] | ["frame", Frame] | ["drain"] | ["close", CloseCause] | ["ready"];

/** The child's end, worked from here: what it hears comes back over the child's channel. */
export function childEnd(child: ChildProcess, medium: Transport["medium"]): Transport {
  return {
    name: "child's end",
    medium,
    redials: false,
    open(events) {
      child.on("message", (message: unknown) => {
        const [whose, ...news] = message as ["news", ...News];
        if (whose !== "news") return;
        if (news[0] === "open") events.onOpen();
        else if (news[0] === "frame") events.onFrame(news[1]);
        else if (news[0] === "drain") events.onDrain();
        else if (news[0] === "close") events.onClose(news[1]);
      });
      return {
        send(frame) {
          try {
            tell(child, "send", frame);
          } catch (cause) {
            throw new EventsError("UNCLONEABLE", "Cannot send a frame to the child's end", {}, { cause });
          }
          return true;
        },
        close: (reason) => tell(child, "close", reason),
      };
    },
  };
}
