/**
 * A child and its parent over the child's standard streams, or over one extra descriptor: for programs that were spawned
 * rather than forked, also through `ssh` or `docker exec`.
 */
import type { ChildProcess } from "node:child_process";
import { Socket } from "node:net";
import type { Duplex, Readable, Writable } from "node:stream";

import type { Transport } from "../wire/transport.ts";
import { connectStreams } from "./framed-stream.ts";

export interface StdioOptions {
  /** An extra descriptor, both ways (`stdio: ["ignore", "inherit", "inherit", "pipe"]` is 3). Default: stdin and stdout. */
  readonly fd?: number;
  /** Hears what the other side prints before it speaks frames. Default: it goes to stderr. */
  readonly onText?: (text: Uint8Array) => void;
  /**
   * The other process is on this machine, not behind `ssh` or a container: its end is always told. Then it may be busy for
   * longer than 25 s, and take a minute to start, without losing the link. Default: false.
   */
  readonly isLocal?: boolean;
}

const toStderr = (text: Uint8Array): void => void process.stderr.write(text);

/**
 * Speaks with a child that this side spawned; the child calls `parentStdioTransport` with the same `fd`. One call, one
 * connection. The link ends when the child ends or closes its output; ending the link ends the child's stdin, and not
 * the child.
 *
 * Throws TypeError for a child whose streams are no pipes.
 *
 * @example
 * const child = spawn("ssh", ["build", "node host.js"], { stdio: ["pipe", "pipe", "inherit"] });
 * bus.connect(stdioTransport(child), { peer: { role: "host" } });
 */
export function stdioTransport(child: ChildProcess, options: StdioOptions = {}): Transport {
  const { fd } = options;
  const extra = fd === undefined ? undefined : (child.stdio[fd] as Duplex | null | undefined);
  const input = fd === undefined ? child.stdout : extra;
  const output = fd === undefined ? child.stdin : extra;
  if (!input || !output || !("write" in output)) {
    const what = fd === undefined ? "stdin and stdout" : `descriptor ${fd}`;
    throw new TypeError(`Cannot speak with this child over its ${what}: no pipe is there; spawn it with "pipe" for it`);
  }
  let why: string | undefined;
  const exited = (code: number | null, signal: string | null): void => {
    why = signal === null ? `The child ended with exit code ${code}` : `The child was ended by ${signal}`;
  };
  return once(options, {
    open() {
      child.on("exit", exited);
      return { input, output };
    },
    why: () => why,
    release() {
      child.off("exit", exited);
      output.end();
      // What it prints from here on is nobody's; unread it would stop the child.
      input.resume();
    },
  });
}

/**
 * Speaks, in a child, with the one who spawned it and called `stdioTransport`. On stdin and stdout it takes stdout for
 * itself, for good: `console.log` and `process.stdout.write` go to stderr from here on, and what was printed before is
 * handed on by the parent. What writes to descriptor 1 beside Node (a native module, a child of the child that inherits
 * it) ends the link: use an extra descriptor there.
 *
 * @example
 * bus.connect(parentStdioTransport(), { peer: { role: "ui" } });
 */
export function parentStdioTransport(options: StdioOptions = {}): Transport {
  const { fd } = options;
  let socket: Socket | undefined;
  return once(options, {
    open() {
      if (fd !== undefined) {
        socket = new Socket({ fd, readable: true, writable: true });
        return { input: socket, output: socket };
      }
      process.stdout.write = process.stderr.write.bind(process.stderr) as typeof process.stdout.write;
      return { input: process.stdin, output: process.stdout };
    },
    why: () => undefined,
    release() {
      if (socket) socket.destroySoon();
      else process.stdin.pause();
    },
  });
}

interface Ends {
  open(): { readonly input: Readable; readonly output: Writable };
  why(): string | undefined;
  release(): void;
}

function once({ onText = toStderr, isLocal = false }: StdioOptions, ends: Ends): Transport {
  let opened = false;
  return {
    name: "stdio",
    medium: "bytes",
    isLocal,
    redials: false,
    open(events) {
      if (opened) throw new TypeError("Cannot open a stdio transport twice: its streams are given away; spawn anew");
      opened = true;
      return connectStreams({ ...ends.open(), onText, why: () => ends.why(), release: () => ends.release() }, events);
    },
  };
}
