import type { Gap, Meta } from "../../src/index.ts";
import { EVENTS, type Told } from "./contract.ts";
import type { At } from "./script.ts";

/** One emit, as the model remembers it. */
export interface Emitted {
  readonly name: string;
  readonly from: At;
  readonly n: number;
  readonly key: string;
  /** When: steps are counted. */
  readonly step: number;
  /** Buses that were cut off from the emitter at that moment. */
  readonly cutOff: readonly At[];
  /** The ways to its neighbours at that moment, see `World.wayBetween`. */
  readonly ways: ReadonlyMap<At, number | undefined>;
}

/** Told again in a later session, behind what has come meanwhile: in order among themselves. */
const KEPT = "told:kept";

type Heard =
  | { readonly told: Told; readonly name: string; readonly isSnapshot: boolean; readonly gap?: never }
  | { readonly gap: Gap; readonly told?: never };

/** One subscription, and all that it was given. */
export class Hearing {
  readonly heard: Heard[] = [];
  isReady = false;
  /** From which step on each emitter knew of it. */
  readonly known = new Map<At, number>();
  stoppedAt: number | undefined;
  /** Nobody can have it in mind any more. */
  goneAt = Infinity;
  /** By emitter: what was emitted up to this step and not heard was lost with a link that the script closed. */
  readonly excused = new Map<At, number>();
  readonly findings: string[] = [];
  readonly at: At;
  readonly pattern: string;
  readonly key: string | undefined;
  readonly since: boolean;
  readonly madeAt: number;

  constructor(at: At, pattern: string, key: string | undefined, since: boolean, madeAt: number) {
    this.madeAt = madeAt;
    this.at = at;
    this.pattern = pattern;
    this.key = key;
    this.since = since;
  }

  toString(): string {
    return `${this.at} hears ${this.pattern}${this.key === undefined ? "" : ` of ${this.key}`}${this.since ? " since last" : ""}`;
  }

  fits(name: string, key: string): boolean {
    const isNamed = this.pattern.endsWith("*") ? name.startsWith(this.pattern.slice(0, -1)) : name === this.pattern;
    return isNamed && (this.key === undefined || this.key === key);
  }

  hear(told: Told, { name, snapshot }: Meta): void {
    if (!(name in EVENTS)) return; // Commands are only watched.
    if (this.stoppedAt !== undefined) this.findings.push(`${name} ${told.n} of ${told.from} after it stopped`);
    if (!this.fits(name, told.key)) this.findings.push(`${name} ${told.n} of ${told.from} does not fit`);
    this.heard.push({ told, name, isSnapshot: snapshot === true });
  }

  miss(gap: Gap): void {
    this.heard.push({ gap });
  }
}

/** What one bus emitted: the model's whole memory of the world. */
export class Emissions {
  readonly all: Emitted[] = [];
  readonly #last = new Map<string, number>();

  next(from: At, name: string): number {
    const lane = `${from} ${EVENTS[name]!.lane}`;
    const n = (this.#last.get(lane) ?? 0) + 1;
    this.#last.set(lane, n);
    return n;
  }

  lastOf(from: At, name: string, key?: string): Emitted | undefined {
    return this.all.findLast((each) => each.from === from && each.name === name && (key ?? each.key) === each.key);
  }
}

/** What a subscription may not have heard so far, whatever the roads did. */
export function safetyFaults(hearing: Hearing, emissions: Emissions): string[] {
  const faults = [...hearing.findings];
  const inLane = new Map<string, number>();
  const view = new Map<string, number>();
  for (const { told, name, isSnapshot } of hearing.heard.filter((each) => each.gap === undefined)) {
    const { from, n, key, before } = told;
    const { lane, delivery } = EVENTS[name]!;
    const what = `${name} ${n} of ${from}`;
    const emitted = emissions.all.find((each) => each.from === from && each.name === name && each.n === n);
    if (emitted === undefined && !(isSnapshot && n === 0)) faults.push(`${what} was never emitted`);
    // S2: nothing volatile outlives the moment in which nobody was there.
    if (delivery === "volatile" && emitted?.cutOff.includes(hearing.at)) faults.push(`${what} crossed a broken link`);
    // S1, S4, S2: in emit order, each once. Values with an interval leave later than what was emitted after them.
    // A start gives each name of a pattern its own snapshot and tail: order holds within the name.
    if (!isSnapshot && name !== "told:progress") {
      const queue = `${from} ${lane} ${hearing.since || name === KEPT ? name : ""}`;
      const last = inLane.get(queue) ?? 0;
      if (n <= last) faults.push(`${what} after ${last} of its lane`);
      inLane.set(queue, n);
    }
    // S3: a key never goes back; a snapshot may repeat it.
    if (delivery === "latest" || name === "state:now") {
      const id = `${from} ${name} ${delivery === "latest" ? key : ""}`;
      const last = view.get(id) ?? -1;
      if (isSnapshot ? n < last : n <= last) faults.push(`${what} ${isSnapshot ? "(snapshot) " : ""}after ${last}`);
      view.set(id, n);
    }
    // S3: what ends a story first tells its newest value.
    if (before !== undefined && hearing.at !== from && hearing.fits("told:progress", key)) {
      const value = emissions.all.find(
        (each) => each.from === from && each.n === before && each.name === "told:progress",
      );
      const isDue =
        value !== undefined && isKnown(hearing, value) && emitted !== undefined && isKnown(hearing, emitted);
      const isTold = (view.get(`${from} told:progress ${key}`) ?? -1) >= before;
      const hasGap = hearing.heard.some(({ gap }) => gap?.lane === "main");
      if (isDue && !isTold && !hasGap) faults.push(`${what} before the progress ${before} that it ends`);
    }
  }
  return faults;
}

function isKnown(hearing: Hearing, { from, step }: Emitted): boolean {
  if (hearing.at === from) return step > hearing.madeAt;
  return step > (hearing.known.get(from) ?? Infinity) && !isExcused(hearing, from, step);
}

function isExcused(hearing: Hearing, from: At, step: number): boolean {
  return step <= (hearing.excused.get(from) ?? -1);
}

/** What a subscription must have heard when everything that was under way has arrived. */
export function livenessFaults(hearing: Hearing, emissions: Emissions): string[] {
  if (hearing.stoppedAt !== undefined) return [];
  const due = emissions.all.filter((each) => hearing.fits(each.name, each.key));
  return [...missing(hearing, due), ...stale(hearing, due, emissions)];
}

/** S4: each reliable event once, or a gap in its place, before anything later. */
function missing(hearing: Hearing, due: readonly Emitted[]): string[] {
  const faults: string[] = [];
  for (const emitted of due) {
    const { name, from, n } = emitted;
    const { lane, delivery } = EVENTS[name]!;
    if (delivery !== "reliable") continue;
    const { heard } = hearing;
    const isHere = heard.some(({ told, name: each }: any) => each === name && told.from === from && told.n === n);
    if (isHere) continue;
    // Behind its snapshot a tail has no hole, acknowledged or not.
    const first = heard.find(
      (each) => each.gap === undefined && each.isSnapshot && each.name === name && each.told.from === from,
    );
    const isTail = name === "state:now" && first?.told !== undefined && n > first.told.n;
    if (!isKnown(hearing, emitted) && !(isTail && !isExcused(hearing, from, emitted.step))) continue;
    if (!isToldMissing(hearing, from, lane, name, n)) faults.push(`${name} ${n} of ${from} is missing without a gap`);
  }
  return faults;
}

function isToldMissing({ heard, since }: Hearing, from: At, lane: string, name: string, n: number): boolean {
  let hasGap = false;
  for (const each of heard) {
    if (each.gap !== undefined) {
      if (each.gap.lane === lane) hasGap = true;
      continue;
    }
    const { told, name: other, isSnapshot } = each;
    if (told.from !== from) continue;
    // State up to now stands for all that led to it.
    if (isSnapshot && other === name && told.n >= n) return true;
    if (
      isSnapshot ||
      EVENTS[other]!.lane !== lane ||
      other === "told:progress" ||
      ((since || other === KEPT) && other !== name)
    )
      continue;
    if (told.n > n) return hasGap;
    hasGap = false;
  }
  return hasGap;
}

/** S3: the last value of each key, and the newest state where the start asked for it. */
function stale(hearing: Hearing, due: readonly Emitted[], emissions: Emissions): string[] {
  const faults: string[] = [];
  const keyed = due.filter(({ name }) => EVENTS[name]!.delivery === "latest" || name === "state:now");
  const ids = new Map(
    keyed.map((each) => [`${each.from} ${each.name} ${each.name === "state:now" ? "" : each.key}`, each]),
  );
  for (const { from, name, key } of ids.values()) {
    const isState = name === "state:now";
    // A filter sees only its own keys of a state.
    if (isState && (!hearing.since || hearing.key !== undefined)) continue;
    const last = emissions.lastOf(from, name, isState ? undefined : key)!;
    const mine = hearing.heard
      .map((each, at) => ({ ...each, at }))
      .findLast(({ told, name: each }: any) => told?.from === from && each === name && (isState || told.key === key));
    if (mine?.told?.n === last.n) continue;
    const isSure = hearing.since && hearing.at !== from && hearing.known.has(from);
    if (!isSure && !isKnown(hearing, last)) continue;
    const hasGap = hearing.heard.slice((mine?.at ?? -1) + 1).some(({ gap }) => gap?.lane === "main");
    if (!isSure && hasGap) continue;
    faults.push(
      `the last ${name} of ${from}${isState ? "" : ` under ${key}`} is ${last.n}, heard was ${mine?.told?.n}`,
    );
  }
  return faults;
}
