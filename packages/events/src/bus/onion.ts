import { isThenable } from "../core/emitter.ts";
import { EventsError } from "../core/errors.ts";
import type { Middleware, Passing } from "./event-bus.ts";

type Stage = "in" | "out" | "local";
type Core = (message: Passing) => void;

interface Queued {
  readonly message: Passing;
  readonly core: Core;
  readonly stopped: (fault: unknown) => void;
}

/** Something that keeps its place between messages, and meets no layer. */
type Mark = () => void;

/**
 * The layers of one stage around what the bus does there. Without layers nothing is made and nothing waits. While a
 * layer awaits, later messages of the stage wait in order, bounded: one that finds no room is refused, not reordered.
 */
export class Onion {
  readonly #stage: Stage;
  readonly #limit: number;
  #layers: readonly Middleware[] = [];
  #queue: (Queued | Mark)[] = [];
  #isBusy: boolean = false;

  constructor(stage: Stage, limit: number) {
    this.#stage = stage;
    this.#limit = limit;
  }

  /** Nothing stands between a message and the bus. */
  get isIdle(): boolean {
    return this.#layers.length === 0 && !this.#isBusy;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  add(middleware: Middleware): void {
    if (middleware[this.#stage] !== undefined) this.#layers = [middleware, ...this.#layers];
  }

  remove(middleware: Middleware): void {
    this.#layers = this.#layers.filter((layer) => layer !== middleware);
  }

  /** `stopped` hears the fault of a layer, or undefined where one did not pass the message on. */
  pass(message: Passing, core: Core, stopped: (fault: unknown) => void): void {
    if (!this.#isBusy) return this.#run({ message, core, stopped });
    if (this.#queue.length < this.#limit) {
      this.#queue.push({ message, core, stopped });
      return;
    }
    stopped(
      new EventsError(
        "QUEUE_FULL",
        `Cannot pass "${message.name}" on: a middleware awaits, and ${this.#limit} messages wait for it; make it faster, or raise limits.waiting`,
        { name: message.name, limit: this.#limit },
      ),
    );
  }

  /** Runs when all that came before has passed: at once where nothing waits. */
  after(mark: Mark): void {
    if (this.#isBusy) this.#queue.push(mark);
    else mark();
  }

  /** What waits goes no further, and whoever waits for it is told. */
  clear(): void {
    this.#layers = [];
    for (const queued of this.#queue.splice(0)) if (typeof queued !== "function") queued.stopped(undefined);
  }

  #run({ message, core, stopped }: Queued): void {
    let reached = false;
    let isOver = false;
    const layers = this.#layers;
    const step = (index: number): void | Promise<void> => {
      const layer = layers[index];
      if (layer === undefined) {
        if (reached) throw new TypeError(`Cannot pass "${message.name}" on twice: a middleware called next() again`);
        reached = true;
        return core(message);
      }
      return layer[this.#stage]?.(message, () => (isOver ? late(index + 1) : step(index + 1)));
    };
    // A layer held it back without awaiting: an event passes by itself, out of its turn; a request was refused already.
    const late = (index: number): void => {
      if (message.kind === "request") return;
      try {
        const running = step(index);
        if (isThenable(running)) running.then(undefined, stopped);
      } catch (fault) {
        stopped(fault);
      }
    };
    let running: void | Promise<void>;
    try {
      running = step(0);
    } catch (fault) {
      return stopped(fault);
    }
    if (!isThenable(running)) {
      isOver = true;
      if (!reached) stopped(undefined);
      return;
    }
    this.#isBusy = true;
    running.then(
      () => {
        isOver = true;
        this.#next(reached ? undefined : () => stopped(undefined));
      },
      (fault: unknown) => {
        isOver = true;
        this.#next(() => stopped(fault));
      },
    );
  }

  #next(report: (() => void) | undefined): void {
    this.#isBusy = false;
    report?.();
    while (!this.#isBusy) {
      const queued = this.#queue.shift();
      if (queued === undefined) return;
      if (typeof queued === "function") queued();
      else this.#run(queued);
    }
  }
}
