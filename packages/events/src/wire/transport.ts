/**
 * A transport moves frames between two buses and knows nothing of events.
 *
 * Media of kind `clone` (MessagePort, memory) carry plain arrays that the platform clones; media of kind `bytes`
 * (sockets, pipes) carry one Uint8Array a frame. The session makes and reads the frames (see docs/protocol.md).
 */
export type Frame = Uint8Array | readonly unknown[];

export type Medium = "clone" | "bytes";

/** Why a connection ended. `gone`: the other side closed or died; `failed`: it could not be opened; `local`: we closed it. */
export interface CloseCause {
  readonly kind: "gone" | "failed" | "local" | "refused";
  readonly reason: string;
  /** False where dialling again cannot help: wrong token, refused origin, terminated worker. */
  readonly mayRetry: boolean;
}

/** What a connection tells its session. Each is called in the order of the medium; nothing follows `onClose`. */
export interface ConnectionEvents {
  /** Frames may be sent from here on. Exactly once, or never when opening fails. May run inside `open`. */
  onOpen(): void;
  /** One frame arrived. The array or bytes belong to the session from here on. Never throws. */
  onFrame(frame: Frame): void;
  /** The medium took what was queued: sending may go on. Only after a `send` that returned false. */
  onDrain(): void;
  /** Exactly once. */
  onClose(cause: CloseCause): void;
}

export interface Connection {
  /**
   * Hands one frame to the medium, in order. Called by the session only, only between `onOpen` and `onClose`.
   * The frame belongs to the transport from here on. False when the medium is full: wait for `onDrain`.
   * Never throws for a dead medium (that reports itself through `onClose`); throws `EventsError("UNCLONEABLE")` when
   * the platform cannot clone the frame. `moves` are buffers in it that move, where the transport says that it can.
   */
  send(frame: Frame, moves?: readonly ArrayBuffer[]): boolean;
  /** Idempotent. Frames already handed over are sent first where the medium can. */
  close(reason?: string): void;
}

export interface Transport {
  /** For people: "memory", "port", "websocket". */
  readonly name: string;
  readonly medium: Medium;
  /** Both ends are on this machine, and the end of one is told to the other: silence proves nothing. Default: media that clone. */
  readonly isLocal?: boolean;
  /** Takes ArrayBuffers over without a copy: the second argument of `send`. On media that clone. Default: it copies. */
  readonly moves?: boolean;
  /** The ends are threads of one process: a SharedArrayBuffer in a frame is the same memory there. Default: false. */
  readonly shares?: boolean;
  /**
   * True when `open` may be called again after `onClose` to dial a new connection to the same peer (WebSocket client);
   * false for a connection that was handed to us (a port, an accepted socket): its end is the transport's end.
   */
  readonly redials: boolean;
  /** Opens a connection. Called by the session; again for each reconnect when `redials`. */
  open(events: ConnectionEvents): Connection;
}
