/** Writes all of `text`; resolves when the stream took it, also when nobody reads it any more (`onBrokenPipe` hears that). */
export function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve) => {
    stream.write(text, () => resolve());
  });
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
