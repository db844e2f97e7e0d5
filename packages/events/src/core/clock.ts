/** Time, passed in so that tests hold it. */
export interface Clock {
  /** Milliseconds since 1970: for people and stored messages. */
  now(): number;
  /** Milliseconds that only grow: for durations and deadlines. */
  monotonic(): number;
  /** Runs `run` once after `ms`; returns the function that takes it back. Does not keep a Node process alive. */
  after(ms: number, run: () => void): () => void;
  /** Runs `run` when the current tick ends: a microtask in Node, a MessageChannel turn in pages. */
  endOfTick(run: () => void): void;
}
