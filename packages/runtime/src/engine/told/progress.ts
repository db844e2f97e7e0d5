import type { Clock } from "@atomiton/events";

import type { RuntimeProgress } from "../../contract.ts";
import type { Scope } from "../run/scope.ts";

/** At most ten a second; the last one is always sent. */
const EVERY_MS = 100;
/** Nodes named in one progress event. */
const NODES_SHOWN = 50;

export interface NodeProgress {
  readonly path: string;
  done: number;
  total: number | undefined;
  message: string | undefined;
}
type Told = Omit<RuntimeProgress, "executionId" | "seq" | "epoch" | "ts">;

/**
 * Done work over known work. Every instance weighs 1, a loop or Blueprint what its template weighs; a loop's part is
 * the part of its items that is done, a node's what it reports of itself. So the figure only moves when work is done.
 */
export class Progress {
  readonly #clock: Clock;
  readonly #tell: (progress: Told) => void;
  readonly #root: () => Scope;
  readonly #nodes = new Map<string, NodeProgress>();
  #percent: number | null = null;
  #cancelTimer: (() => void) | undefined;
  #lastAt = -Infinity;
  #isDirty = false;
  #isOver = false;
  #message: string | undefined;
  /** Instances that are final, of those known. */
  done = 0;
  total = 0;
  running = 0;
  failed = 0;
  /** Loops whose number of items is not known yet. */
  openLoops = 0;

  constructor(clock: Clock, root: () => Scope, tell: (progress: Told) => void) {
    this.#clock = clock;
    this.#root = root;
    this.#tell = tell;
  }

  /** `part` of an instance is done, 0 to 1; passed on to the instances around it. Never falls. */
  advance(scope: Scope, node: number, part: number): void {
    for (let at: { scope: Scope; node: number } | undefined = { scope, node }, value = part; at;) {
      const { fraction, template } = at.scope;
      const grown = Math.min(1, value) - fraction[at.node]!;
      if (!(grown > 0)) return;
      fraction[at.node]! += grown;
      const gained = (grown * template.nodes[at.node]!.size) / Math.max(1, template.size);
      at.scope.done += gained;
      const parent: Scope["parent"] = at.scope.parent;
      if (!parent) return;
      // One item's part of its loop; a Blueprint is a loop of one.
      value = parent.scope.fraction[parent.node]! + gained * (at.scope.item ? at.scope.item.share : 1);
      at = parent;
    }
  }

  /** What a node says of itself. */
  report(path: string, done: number, total: number | undefined, message: string | undefined): void {
    const known = this.#nodes.get(path);
    if (known) {
      known.done = done;
      known.total = total ?? known.total;
      known.message = message ?? known.message;
    } else {
      this.#nodes.set(path, { path, done, total, message });
    }
    if (message !== undefined) this.#message = `${path}: ${message}`;
    this.changed();
  }

  /** The node is not running any more. */
  forget(path: string): void {
    this.#nodes.delete(path);
  }

  /** Tells nobody yet: it is called where the engine's own state is half changed. */
  changed(): void {
    this.#isDirty = true;
    if (this.#cancelTimer || this.#isOver) return;
    const wait = this.#lastAt + EVERY_MS - this.#clock.monotonic();
    const send = (): void => {
      this.#cancelTimer = undefined;
      if (this.#isDirty && !this.#isOver) this.#send();
    };
    if (wait > 0) {
      this.#cancelTimer = this.#clock.after(wait, send);
      return;
    }
    this.#cancelTimer = () => undefined;
    queueMicrotask(send);
  }

  /** Sends the last one and gives the timer back. Called once, before the terminal event. */
  end(isComplete: boolean): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#isOver = true;
    this.#nodes.clear();
    if (isComplete) this.#percent = 100;
    this.#send();
  }

  #send(): void {
    this.#isDirty = false;
    this.#lastAt = this.#clock.monotonic();
    const totalFinal = this.openLoops <= 0;
    const done = this.#root().done;
    if (this.#percent !== 100 && (done > 0 || totalFinal)) {
      // 100 is said once everything is over, not when rounding makes it.
      this.#percent = Math.max(this.#percent ?? 0, Math.min(99.9, Math.floor(done * 1_000) / 10));
    }
    const nodes = [...this.#nodes.values()].slice(0, NODES_SHOWN).map(({ path, done: part, total, message }) => ({
      path,
      done: part,
      ...(total === undefined ? {} : { total }),
      ...(message === undefined ? {} : { message }),
    }));
    this.#tell({
      percent: this.#percent,
      message: this.#message ?? `${this.done} of ${this.total} nodes done`,
      done: this.done,
      total: this.total,
      totalFinal,
      running: this.running,
      failed: this.failed,
      ...(nodes.length > 0 ? { nodes } : {}),
    });
    this.#message = undefined;
  }
}
