/** Bounds and intervals of one session. All are on by default; times in milliseconds, sizes in bytes. */
export interface Limits {
  /** Largest unit that a transport may hand over. */
  readonly frameBytes: number;
  /** Largest message, put together from chunks. */
  readonly messageBytes: number;
  /** Nesting of one payload. */
  readonly depth: number;
  readonly framesPerSecond: number;
  /** Interests that the peer may hold here. */
  readonly subscriptions: number;
  /** Requests of the peer that may be open here. */
  readonly openRequests: number;
  /** What may wait here for a slow or absent peer, over all lanes. */
  readonly outboxBytes: number;
  /** Unacknowledged bytes that this side grants the peer in a lane: control, main, bulk. */
  readonly windowBytes: readonly [control: number, main: number, bulk: number];
  /** A longer message is cut into chunks of this size, so that a control message waits for one of them. */
  readonly chunkBytes: number;
  /** How long a session outlives its connection. */
  readonly resumeMs: number;
  readonly heartbeatMs: number;
  /** Silence that means a dead road, judged only while this process is responsive. 0: never. Ports are never judged
   * unless it is set. */
  readonly deadAfterMs: number;
  readonly ackBytes: number;
  readonly ackMs: number;
  /** A connection that has not shaken hands by then is closed. */
  readonly handshakeMs: number;
  /** First and longest wait before dialling again; full jitter below both. */
  readonly backoffMs: readonly [first: number, longest: number];
}

const KIB = 1024;

export const DEFAULT_LIMITS: Limits = {
  frameBytes: 256 * KIB,
  messageBytes: 16 * KIB * KIB,
  depth: 64,
  framesPerSecond: 20_000,
  subscriptions: 10_000,
  openRequests: 1_024,
  outboxBytes: 8 * KIB * KIB,
  // Bulk is kept short: what is already in the medium cannot be overtaken by a control message.
  windowBytes: [KIB * KIB, KIB * KIB, 256 * KIB],
  chunkBytes: 64 * KIB,
  resumeMs: 60_000,
  heartbeatMs: 10_000,
  deadAfterMs: 25_000,
  ackBytes: 64 * KIB,
  ackMs: 200,
  handshakeMs: 10_000,
  backoffMs: [100, 10_000],
};

/** What differs on media that clone: they join processes of one machine. */
export const LOCAL_LIMITS: Partial<Limits> = {
  // A round trip takes 25 microseconds there: 20,000 would hold up a caller that waits for each answer.
  framesPerSecond: 200_000,
  // Answers take microseconds there: one chunk that crosses and one behind it keep the medium busy.
  windowBytes: [KIB * KIB, KIB * KIB, 128 * KIB],
};
