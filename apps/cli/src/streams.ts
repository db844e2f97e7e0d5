/** Writes all of `text`; resolves when the stream took it, or when nobody reads it any more. */
export function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve) => {
    const off = onBrokenPipe(stream, resolve);
    stream.write(text, () => {
      resolve();
      // The error event of a broken pipe comes after this.
      setImmediate(off);
    });
  });
}

/** As JSON, one line or indented. JSON has no large integers: they become text. */
export function json(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === "bigint" ? part.toString() : part), indent);
}

/** `| head` closes our output: that is no fault of ours, and nothing more can be said there. */
export function onBrokenPipe(stream: NodeJS.WriteStream, run: () => void): () => void {
  const hear = (error: NodeJS.ErrnoException): void => {
    if (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED") run();
    else throw error;
  };
  stream.on("error", hear);
  return () => stream.off("error", hear);
}
