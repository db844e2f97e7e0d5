import { EventsError } from "../core/errors.ts";

/** Where a stored message stands: the bus that stored it, in one life of its process, and the number in its journal. */
export interface StoredId {
  readonly life: string;
  readonly seq: number;
}

/** Lives that a position remembers: past it, what the oldest one stored may come again. */
const LIVES_KEPT = 32;
/** Parts of a cursor: each may cost whoever stores a look into its journal. */
const PARTS_TAKEN = 2 * LIVES_KEPT;
const ID = /^([0-9a-z]{1,64})-(\d{1,15})$/;

export function readId(text: string): StoredId | undefined {
  const [, life, seq] = ID.exec(text) ?? [];
  return life === undefined ? undefined : { life, seq: Number(seq) };
}

/** The parts of a cursor. Throws JOURNAL for a text that is none. */
export function readCursor(cursor: string): StoredId[] {
  const ids = cursor.split(" ").map(readId);
  const known = ids.filter((id) => id !== undefined);
  if (known.length === ids.length && known.length <= PARTS_TAKEN) return known;
  const text = `Cannot start after "${cursor.slice(0, 100)}": it is no cursor; use the meta.cursor of a stored event`;
  throw new EventsError("JOURNAL", text);
}

interface Part extends StoredId {
  readonly scope: string;
}

/**
 * How far one subscription has come in the journals that it hears. Durable events of one journal arrive in the order of
 * their numbers, so one number a life says it all. A part counts in the scope that told it: a peer that may not speak
 * for others cannot make what others stored look old. The empty scope is believed.
 */
export class Position {
  /** Newest last. */
  readonly #parts: Map<string, Part> = new Map<string, Part>();

  get isEmpty(): boolean {
    return this.#parts.size === 0;
  }

  /** False when it was there before. */
  advance({ life, seq }: StoredId, scope: string): boolean {
    const key = `${scope} ${life}`;
    const part = this.#parts.get(key);
    if (part !== undefined && part.seq >= seq) return false;
    this.#parts.delete(key);
    this.#parts.set(key, { life, seq, scope });
    for (const oldest of this.#parts.keys()) {
      if (this.#parts.size <= LIVES_KEPT) break;
      this.#parts.delete(oldest);
    }
    return true;
  }

  /** All before the cursor counts as seen. */
  adopt(cursor: string, scope: string): void {
    for (const id of readCursor(cursor)) this.advance(id, scope);
  }

  copy(other: Position): void {
    for (const part of other.#parts.values()) this.advance(part, part.scope);
  }

  /** For whoever stores: all that it may know. Undefined where nothing is known. */
  tell(): string | undefined {
    return this.#text(() => true);
  }

  /** For a reader to keep: what is believed. */
  cursor(): string | undefined {
    return this.#text(({ scope }) => scope === "");
  }

  #text(counts: (part: Part) => boolean): string | undefined {
    const lives = new Map<string, number>();
    for (const part of this.#parts.values()) {
      if (counts(part)) lives.set(part.life, Math.max(part.seq, lives.get(part.life) ?? 0));
    }
    return lives.size === 0 ? undefined : [...lives].map(([life, seq]) => `${life}-${seq}`).join(" ");
  }
}
