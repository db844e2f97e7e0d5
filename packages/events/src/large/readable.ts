/** The part of the platform's `ReadableStream` that is used here. */
interface Controller<T> {
  enqueue(item: T): void;
  close(): void;
}
/** The platform's own type, as whoever calls knows it. */
type ReadableOf<T> = typeof globalThis extends { ReadableStream: { prototype: infer R } } ? R : AsyncIterable<T>;

/**
 * A stream of a payload as the platform's `ReadableStream`, for `pipeTo`, `new Response(…)` and the like. It reads one
 * item ahead; cancelling it cancels the stream.
 *
 * @example await toReadable(content).pipeThrough(new DecompressionStream("gzip")).pipeTo(file);
 */
export function toReadable<T>(items: AsyncIterable<T>): ReadableOf<T> {
  const iterator = items[Symbol.asyncIterator]();
  const { ReadableStream } = globalThis as unknown as {
    ReadableStream: new (source: {
      pull(controller: Controller<T>): Promise<void>;
      cancel(reason: unknown): Promise<void>;
    }) => ReadableOf<T>;
  };
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}
