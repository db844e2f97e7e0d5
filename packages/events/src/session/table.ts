import type { Reject, Resume } from "./handshake.ts";
import type { Road } from "./road.ts";

/** A session that a peer may come back to. */
export interface Resumable {
  /** The peer's bus, for a peer that begins anew instead of resuming. */
  readonly peerBusId: string | undefined;
  /** Moves the session to `road`; or says why not, and touches nothing. */
  takeOver(resume: Resume, road: Road): Reject | undefined;
  /** The same bus began a new session: this one is over if it was of the same `link`. */
  superseded(link: string): void;
}

/** Sessions of one bus that can be resumed, by id. Shared by all its sessions; bounded. */
export class SessionTable {
  readonly #sessions = new Map<string, Resumable>();
  readonly #max: number;

  constructor(max: number = 10_000) {
    this.#max = max;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** False when the table is full: the session works, but cannot be resumed. */
  add(id: string, session: Resumable): boolean {
    if (this.#sessions.size >= this.#max) return false;
    this.#sessions.set(id, session);
    return true;
  }

  find(id: string): Resumable | undefined {
    return this.#sessions.get(id);
  }

  delete(id: string): void {
    this.#sessions.delete(id);
  }

  /** Ends the sessions of a bus that began a new one. */
  supersede(busId: string, link: string): void {
    for (const session of this.#sessions.values()) if (session.peerBusId === busId) session.superseded(link);
  }
}
