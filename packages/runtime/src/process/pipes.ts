/** The three pipes of a program: what it says, bounded and cut loose in the end; what it is told. */
import type { Readable, Writable } from "node:stream";

import type { SpawnOptions } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";

/** `cmd | tee`: the last writers of a pipe end moments after the program. */
export const LINGER_MS = 500;

export interface Pipe {
  readonly from: Readable;
  /** Since when its reader waits for the program; undefined while the blob store is the slow one. */
  waitingSince?: number | undefined;
}

/** Its chunks, told on the way. Throws `NodeError` `OUTPUT_LIMIT` past `limit` bytes. */
export async function* bounded(
  command: string,
  name: "stdout" | "stderr",
  pipe: Pipe,
  limit: number,
  onOutput: SpawnOptions["onOutput"],
): AsyncGenerator<Uint8Array> {
  const decoder = new TextDecoder();
  let size = 0;
  for await (const chunk of chunksOf(pipe)) {
    size += chunk.byteLength;
    if (size > limit) {
      throw new NodeError(
        `Cannot keep the ${name} of "${command}": it passed ${limit} bytes; let it write to a file, or raise the limit`,
        { code: "OUTPUT_LIMIT", class: "resource", retryable: false },
      );
    }
    onOutput?.(name, decoder.decode(chunk, { stream: true }));
    yield chunk;
  }
  const rest = decoder.decode();
  if (rest !== "") onOutput?.(name, rest);
}

async function* chunksOf(pipe: Pipe): AsyncGenerator<Uint8Array> {
  const chunks = (pipe.from as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  try {
    for (;;) {
      pipe.waitingSince = performance.now();
      const next = await chunks.next();
      pipe.waitingSince = undefined;
      if (next.done) return;
      yield next.value;
    }
  } catch (error) {
    // Cut by `unlessHeldOpen`: the program's own output ended long before.
    if ((error as NodeJS.ErrnoException).code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
  } finally {
    pipe.waitingSince = undefined;
    await chunks.return?.();
  }
}

/** A program may end, or close its stdin, before it has read all: EPIPE is its own affair, not a failure. */
export function feed(stdin: Writable, bytes: Uint8Array | undefined, fail: (error: unknown) => void): void {
  stdin.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && error.code !== "ECONNRESET" && error.code !== "ERR_STREAM_DESTROYED") fail(error);
  });
  stdin.end(bytes);
}

/** A process that left the group (setsid) may hold the pipes open for ever: silent for `LINGER_MS`, they are cut. */
export async function unlessHeldOpen<T>(outputs: Promise<T>, pipes: readonly Pipe[]): Promise<T> {
  const watch = setInterval(() => {
    for (const { from, waitingSince } of pipes) {
      if (waitingSince !== undefined && performance.now() - waitingSince > LINGER_MS) from.destroy();
    }
  }, LINGER_MS / 10);
  return await outputs.finally(() => clearInterval(watch));
}
