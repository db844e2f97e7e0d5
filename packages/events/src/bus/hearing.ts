import type { Listener } from "../core/emitter.ts";
import type { EventsError } from "../core/errors.ts";
import { compileWhere, fits, isPattern, type Match } from "../core/topic.ts";
import type { Since, Where } from "../session/messages.ts";
import type { Gap } from "../session/session.ts";
import type { Meta, OnOptions, Subscription } from "./event-bus.ts";
import type { BusLink } from "./link.ts";
import { readId } from "./position.ts";
import { SinceGate } from "./since-gate.ts";
import { Wish, type WishOwner } from "./wish.ts";

export interface Hearer {
  remove(hearing: Hearing): void;
  /** The link that the message being dispatched came over. */
  readonly over: BusLink | undefined;
  hear(listener: Listener<Meta>, data: unknown, meta: Meta, link?: BusLink): void;
  /** Names that a pattern stands for where the contract lists them. */
  namesOf(pattern: string): readonly string[];
  /** Does it name events that are stored? */
  hasDurable(pattern: string): boolean;
}

/** One subscription of this bus: its listener, what it announces, and the gate that its start needs. */
export class Hearing implements Listener<Meta>, WishOwner {
  readonly pattern: string;
  readonly original: (data: any, meta: Meta) => unknown;
  readonly hear: (data: unknown, meta: Meta) => unknown;
  active: boolean = true;
  order: number = 0;
  named: Listener<Meta>["named"] = undefined;
  readonly onGap: ((gap: Gap) => void) | undefined;
  /** Told when the bus ends it. */
  onClosed: ((why: EventsError) => void) | undefined;
  /** Gives back the signal's listener. */
  onStop: (() => void) | undefined;
  /** Hears replays too. */
  readonly replayed: boolean;
  readonly #hearer: Hearer;
  readonly #where: Where | undefined;
  readonly #since: Since | undefined;
  readonly #match: Match | undefined;
  readonly #once: boolean;
  /** By pattern of their wish; undefined without `since`. */
  readonly #gates: Map<string, SinceGate> | undefined;
  #wishes: readonly Wish[] | undefined;
  #waiters: (() => void)[] | undefined;
  #isDirected: boolean = false;

  constructor(hearer: Hearer, pattern: string, hear: (data: any, meta: Meta) => unknown, options: OnOptions) {
    const { where, since, once = false, onGap } = options;
    this.#hearer = hearer;
    this.pattern = pattern;
    this.original = hear;
    this.onGap = onGap;
    this.replayed = options.replayed ?? false;
    this.#once = once;
    this.#where = where;
    this.#since = since;
    this.#match = compileWhere(where);
    const isPlain = since === undefined && this.#match === undefined && !hearer.hasDurable(pattern);
    if (!isPlain) this.hear = (data, meta) => this.#hear(data, meta);
    else this.hear = once ? (data, meta) => this.#deliver(data, meta) : hear;
    if (since !== "last") return;
    this.#gates = new Map(
      this.wishes.map((wish) => [
        wish.pattern,
        new SinceGate(
          wish,
          (data, meta) => this.#deliver(data, meta),
          (gap) => this.onGap?.(gap),
        ),
      ]),
    );
  }

  /** What others are told of it. Made when there is somebody to tell: most subscriptions of a bus without links end before. */
  get wishes(): readonly Wish[] {
    return (this.#wishes ??= this.#makeWishes());
  }

  /** It wants what happens from now on, and nothing that was before. */
  get isLive(): boolean {
    return this.#since === undefined;
  }

  /** Somebody was told of it. */
  get isAnnounced(): boolean {
    return this.#wishes !== undefined;
  }

  #makeWishes(): readonly Wish[] {
    const { pattern } = this;
    const names = this.#since === "last" && isPattern(pattern) ? this.#hearer.namesOf(pattern) : [pattern];
    return names.map((name) => {
      const wish = new Wish("hear", name, this.#where, this.#since);
      wish.owner = this;
      return wish;
    });
  }

  get isReady(): boolean {
    if (this.#wishes === undefined) return true;
    for (const wish of this.#wishes) if (wish.isPending || wish.isReading) return false;
    return true;
  }

  whenReady(): Promise<void> {
    if (!this.active || this.isReady) return READY;
    const ready = new Promise<void>((resolve, reject) => {
      (this.#waiters ??= []).push(() => {
        const refusal = this.#refusal();
        if (refusal === undefined) resolve();
        else reject(refusal);
      });
    });
    // Whoever does not wait for it is told through the bus's `onError`.
    ready.catch(() => {});
    return ready;
  }

  /** That a peer lets this side hear nothing of it. */
  #refusal(): EventsError | undefined {
    return this.wishes.every(({ refusal }) => refusal !== undefined) ? this.wishes[0]?.refusal : undefined;
  }

  stop(): void {
    if (!this.active) return;
    this.#hearer.remove(this);
    this.onStop?.();
    this.settle();
  }

  settle(): void {
    const waiters = this.#waiters;
    this.#waiters = undefined;
    for (const resolve of waiters ?? []) resolve();
  }

  /** Its own bus has given it all that it stored. */
  wasRead(): void {
    if (this.isReady) this.settle();
  }

  /** What is missing of a gap; not what a snapshot that is on its way will stand for. Undefined: nothing is. */
  missingOf(gap: Gap, link: BusLink): Gap | undefined {
    if (this.#gates === undefined || gap.names === undefined) return gap;
    const names = Object.entries(gap.names).filter(
      ([name, count]) => this.#gates?.get(name)?.holdsGap({ ...gap, names: { [name]: count } }, link) !== true,
    );
    return names.length === 0 ? undefined : { ...gap, names: Object.fromEntries(names) };
  }

  /** Sent to this subscription alone: a snapshot, or a stored event. */
  directed(wish: Wish, data: unknown, meta: Meta, link: BusLink | undefined): void {
    if (meta.snapshot === true) {
      const gate = this.#gates?.get(wish.pattern);
      if (gate === undefined) return; // Nobody asked for it.
      gate.snapshot(meta.origin, link);
    }
    this.#isDirected = true;
    this.#hearer.hear(this, data, meta, link);
    this.#isDirected = false;
  }

  missed(gap: Gap): void {
    this.onGap?.(gap);
  }

  answered(wish: Wish, link: BusLink): void {
    this.#gates?.get(wish.pattern)?.answered(link);
    if (this.isReady) this.settle();
  }

  #hear(data: unknown, meta: Meta): unknown {
    const isDirected = this.#isDirected;
    this.#isDirected = false; // Its listener may emit: what that brings is not directed.
    if (!fits(this.#match, data)) return undefined;
    const placed = meta.snapshot === true || meta.replayed === true ? meta : this.#place(meta, isDirected);
    if (placed === undefined) return undefined;
    const gate = this.#gates?.get(meta.name) ?? this.#gates?.get(this.pattern);
    if (gate !== undefined && meta.snapshot !== true && gate.holds(data, placed, this.#hearer.over)) return undefined;
    return this.#deliver(data, placed);
  }

  /** A stored event with its cursor; undefined for one that came before, or will come with the stored ones. */
  #place(meta: Meta, isDirected: boolean): Meta | undefined {
    if (meta.id === undefined) return meta;
    const id = readId(meta.id);
    const wish = this.wishes.find(({ pattern }) => pattern === meta.name) ?? this.wishes[0];
    if (id === undefined || wish === undefined) return meta;
    const { over } = this.#hearer;
    if (!isDirected && wish.isCatching(over)) return undefined;
    if (!wish.position.advance(id, over?.scope ?? "")) return undefined;
    const cursor = wish.position.cursor();
    return cursor === undefined ? meta : { ...meta, cursor };
  }

  #deliver(data: unknown, meta: Meta): unknown {
    if (!this.active) return undefined;
    if (this.#once) this.stop();
    const { original } = this;
    return original(data, meta);
  }
}

const READY: Promise<void> = Promise.resolve();

/** The callable that users hold. */
export function subscriptionOf(stop: () => void, ready: Promise<void>): Subscription {
  const subscription = stop as { (): void; ready: Promise<void>; [Symbol.dispose]?: () => void };
  subscription.ready = ready;
  // Platforms below Node 20 and older pages have no Symbol.dispose.
  if (typeof Symbol.dispose === "symbol") subscription[Symbol.dispose] = stop;
  return subscription as Subscription;
}
