import { EventsError } from "../core/errors.ts";
import { fits, matches } from "../core/topic.ts";
import type { Journal, JournalEntry, JournalStats } from "../journal/journal.ts";
import type { Since } from "../session/messages.ts";
import type { Gap } from "../session/session.ts";
import type { FaultContext } from "./event-bus.ts";
import { readCursor, readId } from "./position.ts";
import { readRecorded, type RecordedMessage } from "./record.ts";
import type { Wish } from "./wish.ts";

/** A message as the journal of its bus holds it. */
interface StoredMessage extends RecordedMessage {
  readonly stored: true;
}

/** One who reads what is stored, then hears what comes. */
export interface Reader {
  readonly isWanted: () => boolean;
  /** Takes one stored message; the next follows when it resolves. */
  readonly take: (message: RecordedMessage, ts: number) => Promise<void> | void;
  readonly gap: (gap: Gap) => void;
  /** Called in the same turn in which nothing is left: whatever is emitted from here on is live. */
  readonly done: () => void;
}

export interface HistoryOwner {
  readonly busId: string;
  readonly role: string;
  readonly fault: (fault: unknown, context: FaultContext) => void;
}

/**
 * The durable events of one bus. Stored when they are emitted, before anybody hears them; served from the journal to
 * whoever starts with `since`, until nothing is left to read: then that reader is live, in the same turn.
 */
export class History {
  readonly #journal: Journal;
  readonly #owner: HistoryOwner;
  /** The last entry of lives before this one. */
  readonly #inherited: number;
  /** Its id; undefined until `loaded`, and where it cannot be read. */
  #inheritedId: string | undefined;
  #isLoaded: boolean;
  readonly #loaded: Promise<void>;

  constructor(journal: Journal, owner: HistoryOwner) {
    this.#journal = journal;
    this.#owner = owner;
    this.#inherited = journal.last;
    this.#isLoaded = this.#inherited === 0;
    this.#loaded = this.#isLoaded ? Promise.resolve() : this.#load();
  }

  stats(): JournalStats {
    return this.#journal.stats();
  }

  /** Throws what the journal throws: then nobody hears it. */
  store(name: string, data: unknown): string {
    const { busId, role } = this.#owner;
    const id = `${busId}-${this.#journal.last + 1}`;
    const message: StoredMessage = { name, data, origin: { busId, role }, id, stored: true };
    this.#journal.append(message);
    return id;
  }

  flush(): Promise<void> {
    return this.#journal.flush();
  }

  /** Calls back, at once where it can, with the cursor of all that is stored now. */
  whereNow(tell: (cursor: string) => void): void {
    if (this.#isLoaded) tell(this.#cursor());
    else void this.#loaded.then(() => tell(this.#cursor()));
  }

  /** Reads to the end for `wish`; what goes wrong is a gap to the reader and a fault of this side. Never rejects. */
  async serve(wish: Wish, since: Since, reader: Reader): Promise<void> {
    try {
      await this.#serve(wish, since, reader);
    } catch (fault) {
      this.#owner.fault(fault, { name: wish.pattern });
    }
  }

  #cursor(): string {
    const { last } = this.#journal;
    const isInherited = last === this.#inherited && this.#inheritedId !== undefined;
    return isInherited ? (this.#inheritedId as string) : `${this.#owner.busId}-${last}`;
  }

  async #load(): Promise<void> {
    try {
      const message = await this.#at(this.#inherited);
      this.#inheritedId = message?.id;
    } catch (fault) {
      this.#owner.fault(fault, {});
    }
    this.#isLoaded = true;
  }

  async #serve(wish: Wish, since: Since, reader: Reader): Promise<void> {
    const journal = this.#journal;
    let next = 1;
    try {
      const start = await this.#startOf(since);
      ({ next } = start);
      const { first } = journal.stats();
      if (first > 1 && (next < first || !start.isKnown)) reader.gap(trimmed(Math.min(next, first - 1), first - 1));
      next = Math.max(next, first);
      while (next <= journal.last && reader.isWanted()) {
        const before = next;
        for await (const entry of journal.read({ from: next })) {
          if (!reader.isWanted()) return;
          if (entry.seq > next) reader.gap(trimmed(next, entry.seq - 1));
          next = entry.seq + 1;
          const message = storedIn(entry);
          if (message === undefined || !matches(wish.pattern, message.name) || !fits(wish.match, message.data))
            continue;
          await reader.take(message, entry.ts);
        }
        if (next > before) continue;
        // All of it was trimmed while it was looked for.
        reader.gap(trimmed(next, journal.stats().first - 1));
        next = Math.max(next + 1, journal.stats().first);
      }
    } catch (fault) {
      const why = fault instanceof EventsError ? fault.message : "the journal cannot be read";
      if (reader.isWanted()) reader.gap({ from: next, to: Math.max(next, journal.last), lane: "main", reason: why });
      this.#owner.fault(fault, { name: wish.pattern });
    }
    if (reader.isWanted()) reader.done();
  }

  /** The first number to read, and whether this journal knows the cursor. One that it does not know begins at 1. */
  async #startOf(since: Since): Promise<{ next: number; isKnown: boolean }> {
    if (typeof since === "string") return { next: 1, isKnown: true };
    const { first } = this.#journal.stats();
    let known: number | undefined;
    let forgotten = 0;
    for (const { life, seq } of readCursor(since.after)) {
      // What a life had told but not stored when it died was never there: its last entry counts.
      const at = Math.min(seq, this.#journal.last);
      if (seq < first) forgotten = Math.max(forgotten, seq);
      else if (readId((await this.#at(at))?.id ?? "")?.life === life) known = Math.max(known ?? 0, at);
    }
    return { next: (known ?? forgotten) + 1, isKnown: known !== undefined };
  }

  async #at(seq: number): Promise<RecordedMessage | undefined> {
    for await (const entry of this.#journal.read({ from: seq, to: seq })) return storedIn(entry);
    return undefined;
  }
}

/** A recording may share the journal: its entries are no durable events of this bus. */
function storedIn({ seq, value }: JournalEntry): RecordedMessage | undefined {
  const isStored = typeof value === "object" && value !== null && "stored" in value && value.stored === true;
  const message = isStored ? readRecorded(value, seq) : undefined;
  return message !== undefined && readId(message.id)?.seq === seq ? message : undefined;
}

function trimmed(from: number, to: number): Gap {
  return { from, to, lane: "main", reason: "the journal does not keep it any more" };
}
