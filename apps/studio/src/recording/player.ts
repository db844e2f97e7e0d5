/**
 * Plays a recording on a bus of its own: at its pace, faster, step by step, forwards and backwards. Nothing leaves the
 * page, and nothing is run.
 *
 * Rules: (1) one replay at a time: whatever is asked ends the one before; (2) a place is shown by the snapshot before it
 * and the records in between, handed over at once; (3) `position` is the record that was shown last.
 */
import {
  EventBus,
  recordedJournal,
  systemClock,
  type Clock,
  type Journal,
  type Meta,
  type Replay,
} from "@atomiton/events";
import { libraryContract, runtimeContract } from "@atomiton/runtime/contract";

import type { Watcher } from "../host/host.ts";
import { newExecution, type ExecutionEvent } from "../model/execution.ts";
import { asEvent, indexRecords, type PageBus, type RecordIndex } from "./record-index.ts";

export interface PlayerView {
  /** Of the file. */
  readonly name: string;
  readonly first: number;
  readonly last: number;
  /** The record that is shown; `first - 1`: nothing has happened yet. */
  readonly position: number;
  /** Milliseconds since 1970, as recorded: of the first record, of the last one, and of what is shown. */
  readonly from: number;
  readonly to: number;
  readonly now: number;
  readonly isPlaying: boolean;
  readonly speed: number;
  /** What the shown record is. */
  readonly record?: { readonly name: string; readonly path: string | undefined } | undefined;
  /** What of the file is not shown, and why. */
  readonly missing?: string | undefined;
}

export interface PlayerOptions {
  readonly name: string;
  readonly clock?: Clock;
  /** The record to begin at. Default: the last one. */
  readonly at?: number | undefined;
}

/** A tenth of a second is the finest figure shown. */
const TICK_MS = 100;

interface Parts {
  readonly name: string;
  readonly bus: PageBus;
  readonly journal: Journal;
  readonly index: RecordIndex;
  readonly clock: Clock;
  readonly missing: string | undefined;
}

export class Player {
  readonly index: RecordIndex;
  private readonly parts: Parts;
  private readonly hearers = new Set<(view: PlayerView) => void>();
  private shown: number;
  private speed = 1;
  private record: PlayerView["record"];
  private watched: { readonly executionId: string; readonly watcher: Watcher } | undefined;
  /** Of what is under way: a move to a place, or the playing. */
  private control: AbortController | undefined;
  private replay: Replay | undefined;
  /** Where the events of a move are gathered; undefined while they are played. */
  private gathered: ExecutionEvent[] | undefined;
  private anchor: { readonly at: number; readonly ts: number } | undefined;
  private stopTicking: (() => void) | undefined;
  /** It played when it was moved, and goes on when it is there. */
  private resumes = false;

  private constructor(parts: Parts, at: number | undefined) {
    this.parts = parts;
    this.index = parts.index;
    this.shown = this.clamped(at ?? parts.index.last);
    parts.bus.on("runtime:*", (data, meta) => this.hear(data, meta), { replayed: true });
  }

  /** Rejects with a text for people where the bytes are no recording, or no run is in it. */
  static async open(bytes: Uint8Array, { name, clock = systemClock, at }: PlayerOptions): Promise<Player> {
    let leftOut = 0;
    const bus: PageBus = new EventBus({
      contracts: [runtimeContract, libraryContract],
      role: "ui",
      connect: false,
      clock,
      onError: () => (leftOut += 1),
    });
    try {
      const journal = journalOf(bytes, name);
      const { cutBytes, last } = journal.stats();
      const index = await indexRecords(bus, journal);
      if (index.executions.length === 0)
        throw new Error(`“${name}” holds no run: record one with “atomiton run --record”.`);
      const torn = cutBytes > 0 ? `The file is torn: what comes behind record ${last} cannot be read.` : "";
      const strange = leftOut > 0 ? `${leftOut} records are of another version and left out.` : "";
      const missing = `${torn} ${strange}`.trim() || undefined;
      return new Player({ name, bus, journal, index, clock, missing }, at);
    } catch (error) {
      await bus.close();
      throw error;
    }
  }

  get view(): PlayerView {
    const { name, missing } = this.parts;
    const { first, last, timeOf } = this.index;
    const { position, speed, record } = this;
    const isPlaying = this.isPlaying || this.resumes;
    const place = { first, last, position, from: timeOf(first), to: timeOf(last), now: this.now() };
    return { name, ...place, isPlaying, speed, record, missing };
  }

  /** Calls at once, then at every change, and ten times a second while it plays. */
  onView(hear: (view: PlayerView) => void): () => void {
    this.hearers.add(hear);
    hear(this.view);
    return () => this.hearers.delete(hear);
  }

  /** Shows one run of the recording, as it is at this place. One at a time. */
  watch(executionId: string, watcher: Watcher): () => void {
    const mine = { executionId, watcher };
    this.watched = mine;
    this.seek(this.position);
    return () => {
      if (this.watched !== mine) return;
      this.watched = undefined;
      this.pause();
    };
  }

  /** From the beginning, where the end is shown. */
  play(): void {
    if (this.isPlaying || this.resumes) return;
    if (this.shown >= this.index.last) void this.move(this.index.first - 1).then((isThere) => isThere && this.run());
    else this.run();
  }

  pause(): void {
    this.resumes = false;
    this.halt();
    this.tell();
  }

  /** Shows record `seq`; goes on playing from there where it played. */
  seek(seq: number): void {
    this.resumes ||= this.isPlaying;
    void this.move(this.clamped(seq)).then((isThere) => isThere && this.resumes && this.run());
  }

  /** To the record `by` further on, and stays there. */
  step(by: number): void {
    this.pause();
    void this.move(this.clamped(this.shown + by));
  }

  /** 1 is the recorded pace. */
  setSpeed(speed: number): void {
    this.speed = speed;
    if (this.isPlaying) {
      this.halt();
      this.run();
    } else this.tell();
  }

  close(): void {
    this.halt();
    this.hearers.clear();
    this.watched = undefined;
    void this.parts.bus.close();
  }

  private get isPlaying(): boolean {
    return this.anchor !== undefined;
  }
  private get position(): number {
    return this.isPlaying ? (this.replay?.position ?? this.shown) : this.shown;
  }
  private clamped(seq: number): number {
    return Math.min(Math.max(Math.round(seq), this.index.first - 1), this.index.last);
  }

  /** Between two records the recorded time goes on, up to that of the next one. */
  private now(): number {
    const { timeOf } = this.index;
    const at = this.position;
    if (this.anchor === undefined) return timeOf(at);
    const passed = (this.parts.clock.monotonic() - this.anchor.at) * this.speed;
    return Math.max(timeOf(at), Math.min(timeOf(at + 1), this.anchor.ts + passed));
  }

  private hear(data: unknown, meta: Meta): void {
    const event = asEvent(data, meta);
    if (event === undefined) return;
    if (event.data.executionId !== this.watched?.executionId) return;
    this.record = { name: event.type, path: placeOf(event) };
    if (this.gathered === undefined) this.watched.watcher.hear([event]);
    else this.gathered.push(event);
  }

  /** Ends what is under way, and stays where it came to. */
  private halt(): void {
    this.shown = this.position;
    this.control?.abort();
    this.control = undefined;
    this.replay = undefined;
    this.gathered = undefined;
    this.anchor = undefined;
    this.stopTicking?.();
    this.stopTicking = undefined;
  }

  /** Resolves false where something else was asked meanwhile. */
  private async move(seq: number): Promise<boolean> {
    this.halt();
    const control = new AbortController();
    this.control = control;
    this.shown = seq;
    this.record = undefined;
    const events: ExecutionEvent[] = (this.gathered = []);
    this.tell();
    const base = this.index.before(seq);
    const range = { from: base.seq + 1, to: seq, signal: control.signal };
    try {
      if (seq > base.seq) await this.parts.bus.replay(this.parts.journal, range);
    } catch (error) {
      if (!control.signal.aborted) throw error;
    }
    if (control.signal.aborted) return false;
    this.gathered = undefined;
    const { watched } = this;
    if (watched !== undefined) {
      const { executionId, watcher } = watched;
      watcher.onRestart(base.states.get(executionId) ?? newExecution(executionId));
      watcher.hear(events);
    }
    this.tell();
    return true;
  }

  private run(): void {
    this.resumes = false;
    const { bus, journal, clock } = this.parts;
    const control = new AbortController();
    this.control = control;
    const from = this.shown + 1;
    this.anchor = { at: clock.monotonic(), ts: this.index.timeOf(from) };
    this.replay = bus.replay(journal, { from, speed: this.speed, signal: control.signal });
    this.replay.then(
      () => this.pause(),
      (error: unknown) => {
        if (!control.signal.aborted) throw error;
      },
    );
    this.tick();
  }

  private tick(): void {
    this.tell();
    this.stopTicking = this.parts.clock.after(TICK_MS, () => this.tick());
  }

  private tell(): void {
    const { view } = this;
    for (const hear of this.hearers) hear(view);
  }
}

/** The instance that an event is about; of a change of several, the first. */
function placeOf({ type, data }: ExecutionEvent): string | undefined {
  if (type === "runtime:state") return data.nodes?.[0]?.path;
  return "path" in data ? data.path : undefined;
}

function journalOf(bytes: Uint8Array, name: string): Journal {
  let journal: Journal | undefined;
  try {
    journal = recordedJournal(bytes, { salvage: true });
  } catch {
    throw new Error(`“${name}” is no recording: choose a file that “atomiton run --record” wrote.`);
  }
  if (journal.stats().entries > 0) return journal;
  throw new Error(`“${name}” holds no whole record: its recording was cut short.`);
}
