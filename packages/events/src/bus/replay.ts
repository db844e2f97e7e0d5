import type { Clock } from "../core/clock.ts";
import { EventsError } from "../core/errors.ts";
import { compileWhere, fits, matches } from "../core/topic.ts";
import type { Journal } from "../journal/journal.ts";
import type { Gap } from "../session/session.ts";
import type { FaultContext, Meta, ReplayOptions } from "./event-bus.ts";
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
export async function replay(player: Player, journal: Journal, options: ReplayOptions): Promise<number> {
  const { from, to, where, pattern = "*", speed = Number.POSITIVE_INFINITY, signal } = options;
  if (!(speed > 0)) throw new RangeError(`Cannot replay at speed ${speed}: use a number above 0, or leave it out`);
  const match = compileWhere(where);
  const check = (): void => {
    if (player.closed.aborted) throw stopped("CLOSED", "the bus was closed");
    if (signal?.aborted === true) throw stopped("CANCELLED", "its signal was aborted");
  };
  let played = 0;
  let turn = 0;
  let expected = from;
  let before: number | undefined;
  check();
  const range = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
  for await (const { seq, ts, value } of journal.read(range)) {
    check();
    if (expected !== undefined && seq > expected) {
      player.playGap({ from: expected, to: seq - 1, lane: "main", reason: "the journal does not keep it any more" });
    }
    expected = seq + 1;
    const message = readRecorded(value, seq);
    if (!matches(pattern, message.name) || !fits(match, message.data)) continue;
    const waitMs = before === undefined ? 0 : Math.max(0, ts - before) / speed;
    before = ts;
    if (waitMs > 0 || ++turn % TURN === 0) {
      await pause(player, waitMs, signal);
      check();
    }
    const topic = player.topics.get(message.name);
    const rule = topic && ruleFor(topic, message.origin.role);
    try {
      if (rule === undefined) throw unplayable(message.name, seq);
      const { name, origin, id } = message;
      player.play(name, rule.check(message.data), { name, origin, id, ts, replayed: true });
      played += 1;
    } catch (fault) {
      player.fault(fault, { name: message.name });
    }
  }
  return played;
}

/** Ends with the time, the signal or the bus, and gives everything back. */
function pause({ clock, closed }: Player, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      stopTimer();
      signal?.removeEventListener("abort", end);
      closed.removeEventListener("abort", end);
      resolve();
    };
    const stopTimer = clock.after(ms, end);
    signal?.addEventListener("abort", end, { once: true });
    closed.addEventListener("abort", end, { once: true });
  });
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
