import type { CloseCause, Connection, ConnectionEvents, Frame, Transport } from "../wire/transport.ts";

/** Who drives on a road now. A session that moved to another road no longer hears the old one. */
export interface RoadOwner {
  roadOpen(road: Road): void;
  roadFrame(road: Road, frame: Frame): void;
  roadDrained(road: Road): void;
  roadClosed(road: Road, cause: CloseCause): void;
}

/** One connection, with the owner of its news: a resumed session takes the road over from the one that accepted it. */
export class Road implements ConnectionEvents {
  readonly medium: Transport["medium"];
  owner: RoadOwner | undefined;
  isOpen = false;
  isClosed = false;
  /** The medium is full: wait for `roadDrained`. */
  isFull = false;
  #connection: Connection | undefined;
  /** News that came inside `open`, before there was a connection to answer on. */
  #early: (() => void)[] | undefined = [];

  constructor(transport: Transport, owner: RoadOwner) {
    this.medium = transport.medium;
    this.owner = owner;
    this.#connection = transport.open(this);
  }

  /** Begins to tell its news; called once the owner knows this road. */
  start(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const news of early) news();
  }

  send(frame: Frame, moves?: readonly ArrayBuffer[]): void {
    if (this.isClosed || !this.isOpen) return;
    try {
      this.isFull = this.#connection?.send(frame, moves) === false;
    } catch (error) {
      // Payloads were copied to plain data before: only a medium that breaks its promise comes here.
      this.#connection?.close("a frame could not be sent");
      this.onClose({ kind: "failed", reason: `a frame could not be sent: ${String(error)}`, mayRetry: false });
    }
  }

  close(reason?: string): void {
    this.owner = undefined;
    if (!this.isClosed) this.#connection?.close(reason);
  }

  onOpen(): void {
    this.#tell(() => {
      this.isOpen = true;
      this.owner?.roadOpen(this);
    });
  }

  onFrame(frame: Frame): void {
    this.#tell(() => {
      if (!this.isClosed) this.owner?.roadFrame(this, frame);
    });
  }

  onDrain(): void {
    this.#tell(() => {
      this.isFull = false;
      this.owner?.roadDrained(this);
    });
  }

  onClose(cause: CloseCause): void {
    this.#tell(() => {
      if (this.isClosed) return;
      this.isClosed = true;
      this.isOpen = false;
      this.owner?.roadClosed(this, cause);
    });
  }

  #tell(news: () => void): void {
    if (this.#early === undefined) news();
    else this.#early.push(news);
  }
}
