import type { Clock } from "../core/clock.ts";
import { EventsError } from "../core/errors.ts";
import { compileWhere, fits, matches, type Match } from "../core/topic.ts";
import type { Journal, JournalEntry } from "../journal/journal.ts";
import type { Gap } from "../session/session.ts";
import type { FaultContext, Meta, Replay, ReplayOptions } from "./event-bus.ts";
import { readRecorded } from "./record.ts";
import { ruleFor, type Topics } from "./topics.ts";

/** Entries after which other work gets a turn. */
const TURN = 1_000;

export interface Player {
  readonly topics: Topics;
  readonly clock: Clock;
  /** Hands it to the subscriptions that opted in, and to nobody else. */
  readonly play: (name: string, data: unknown, meta: Meta) => void;
  readonly playGap: (gap: Gap) => void;
  readonly fault: (fault: unknown, context: FaultContext) => void;
  /** Aborts when the bus closes. */
  readonly closed: AbortSignal;
}

/** Plays a recording on this bus alone: nothing is forwarded, recorded, asked or handled again. */
export function replay(player: Player, journal: Journal, options: ReplayOptions): Replay {
  const playback = new Playback(player, journal, options);
  const controls = {
    pause: () => playback.pause(),
    resume: () => playback.resume(),
    seek: (seq: number) => playback.seek(seq),
  };
  Object.defineProperty(controls, "position", { enumerable: true, get: () => playback.position });
  const steered: unknown = Object.defineProperties(playback.run(), Object.getOwnPropertyDescriptors(controls));
  return steered as Replay;
}

/** Reads the journal in stretches: a seek ends one and begins the next. */
class Playback {
  position: number;
  readonly #player: Player;
  readonly #journal: Journal;
  readonly #options: ReplayOptions;
  readonly #match: Match | undefined;
  #played = 0;
  #entries = 0;
  #isPaused = false;
  #isOver = false;
  /** Where a seek wants to go on. */
  #target: number | undefined;
  /** What the pauses are measured from: late timers do not add up. */
  #anchor: { readonly at: number; readonly ts: number } | undefined;
  #wake: (() => void) | undefined;

  constructor(player: Player, journal: Journal, options: ReplayOptions) {
    this.#player = player;
    this.#journal = journal;
    this.#options = options;
    this.#match = compileWhere(options.where);
    this.position = (options.from ?? 1) - 1;
  }

  async run(): Promise<number> {
    const { speed = 0, from } = this.#options;
    if (!(speed >= 0))
      throw new RangeError(`Cannot replay at speed ${speed}: use a number above 0, or 0 for no pauses`);
    try {
      this.#check();
      for (let next = from; ; next = this.#target) {
        this.#target = undefined;
        await this.#stretch(next);
        if (this.#target === undefined) return this.#played;
      }
    } finally {
      this.#isOver = true;
    }
  }

  pause(): void {
    this.#isPaused = true;
    this.#wake?.();
  }

  resume(): void {
    this.#isPaused = false;
    this.#anchor = undefined;
    this.#wake?.();
  }

  seek(seq: number): void {
    if (!Number.isSafeInteger(seq) || seq < 1) {
      throw new RangeError(`Cannot seek to entry ${seq}: entries are numbered from 1`);
    }
    if (this.#isOver) {
      throw new EventsError("CLOSED", `Cannot seek to entry ${seq}: the replay is over; start another with from`);
    }
    this.#target = Math.max(seq, this.#options.from ?? 1);
    this.position = this.#target - 1;
    this.#anchor = undefined;
    this.#wake?.();
  }

  async #stretch(from: number | undefined): Promise<void> {
    const { to } = this.#options;
    let expected = from;
    const range = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
    for await (const entry of this.#journal.read(range)) {
      if (!(await this.#isDue(entry.ts))) return;
      if (expected !== undefined && entry.seq > expected) {
        const reason = "the journal does not keep it any more";
        this.#player.playGap({ from: expected, to: entry.seq - 1, lane: "main", reason });
      }
      expected = entry.seq + 1;
      this.position = entry.seq;
      this.#play(entry);
      // Also after the last one: a seek by who heard it counts.
      if (this.#target !== undefined) return;
    }
  }

  /** Waits for the entry's time. False: a seek came first. */
  async #isDue(ts: number): Promise<boolean> {
    if (++this.#entries % TURN === 0) await this.#sleep(0);
    for (;;) {
      this.#check();
      if (this.#target !== undefined) return false;
      const waitMs = this.#isPaused ? undefined : this.#waitMs(ts);
      if (waitMs !== undefined && waitMs <= 0) return true;
      await this.#sleep(waitMs);
    }
  }

  #waitMs(ts: number): number {
    const { speed = 0 } = this.#options;
    if (speed === 0 || speed === Number.POSITIVE_INFINITY) return 0;
    const now = this.#player.clock.monotonic();
    this.#anchor ??= { at: now, ts };
    return this.#anchor.at + (ts - this.#anchor.ts) / speed - now;
  }

  #play({ seq, ts, value }: JournalEntry): void {
    const { pattern = "*" } = this.#options;
    const { name, data, origin, id } = readRecorded(value, seq);
    if (!matches(pattern, name) || !fits(this.#match, data)) return;
    const topic = this.#player.topics.get(name);
    const rule = topic && ruleFor(topic, origin.role);
    try {
      if (rule === undefined) throw unplayable(name, seq);
      this.#player.play(name, rule.check(data), { name, origin, id, ts, replayed: true });
      this.#played += 1;
    } catch (fault) {
      this.#player.fault(fault, { name });
    }
  }

  #check(): void {
    if (this.#player.closed.aborted) throw stopped("CLOSED", "the bus was closed");
    if (this.#options.signal?.aborted === true) throw stopped("CANCELLED", "its signal was aborted");
  }

  /** Ends with the time, the signal, the bus or a word to the replay, and gives everything back. */
  #sleep(ms: number | undefined): Promise<void> {
    const { clock, closed } = this.#player;
    const { signal } = this.#options;
    return new Promise((resolve) => {
      const end = (): void => {
        stopTimer?.();
        signal?.removeEventListener("abort", end);
        closed.removeEventListener("abort", end);
        this.#wake = undefined;
        resolve();
      };
      const stopTimer = ms === undefined ? undefined : clock.after(ms, end);
      signal?.addEventListener("abort", end, { once: true });
      closed.addEventListener("abort", end, { once: true });
      this.#wake = end;
    });
  }
}

function stopped(code: "CLOSED" | "CANCELLED", why: string): EventsError {
  return new EventsError(code, `Cannot go on with the replay: ${why}`);
}

function unplayable(name: string, seq: number): EventsError {
  return new EventsError(
    "UNKNOWN_EVENT",
    `Cannot replay "${name}" (entry ${seq}): no contract of this bus lets its sender send it; give the bus the contract of the recording`,
    { name, seq },
  );
}
