import { isThenable } from "../core/emitter.ts";
import { EventsError } from "../core/errors.ts";
import type { Middleware, Passing } from "./event-bus.ts";

type Stage = "in" | "out" | "local";
type Core = (message: Passing) => void;
type Stopped = (fault: unknown) => void;

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
  #queue: (Turn | Mark)[] = [];
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
  pass(message: Passing, core: Core, stopped: Stopped): void {
    const turn = new Turn(this.#stage, message, core, stopped);
    if (!this.#isBusy) return this.#run(turn);
    if (this.#queue.length < this.#limit) {
      this.#queue.push(turn);
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

  #run(turn: Turn): void {
    let running: void | Promise<void>;
    try {
      running = turn.begin(this.#layers);
    } catch (fault) {
      return turn.stopped(fault);
    }
    if (!isThenable(running)) {
      turn.isOver = true;
      if (!turn.reached) turn.stopped(undefined);
      return;
    }
    this.#isBusy = true;
    running.then(
      () => {
        turn.isOver = true;
        this.#next(turn.reached ? undefined : () => turn.stopped(undefined));
      },
      (fault: unknown) => {
        turn.isOver = true;
        this.#next(() => turn.stopped(fault));
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

/** One message on its way through the layers. */
class Turn {
  readonly message: Passing;
  readonly stopped: Stopped;
  /** It has come through. */
  reached: boolean = false;
  /** The onion waits for it no longer. */
  isOver: boolean = false;
  readonly #stage: Stage;
  readonly #core: Core;
  #layers: readonly Middleware[] = [];

  constructor(stage: Stage, message: Passing, core: Core, stopped: Stopped) {
    this.#stage = stage;
    this.message = message;
    this.#core = core;
    this.stopped = stopped;
  }

  begin(layers: readonly Middleware[]): void | Promise<void> {
    this.#layers = layers;
    return this.#step(0);
  }

  #step(index: number): void | Promise<void> {
    const { message } = this;
    const layer = this.#layers[index];
    if (layer !== undefined)
      return layer[this.#stage]?.(message, () => (this.isOver ? this.#late(index + 1) : this.#step(index + 1)));
    if (this.reached) throw new TypeError(`Cannot pass "${message.name}" on twice: a middleware called next() again`);
    this.reached = true;
    return this.#core(message);
  }

  /** A layer held it back without awaiting: an event passes by itself, out of its turn; a request was refused already. */
  #late(index: number): void {
    if (this.message.kind === "request") return;
    try {
      const running = this.#step(index);
      if (isThenable(running)) running.then(undefined, this.stopped);
    } catch (fault) {
      this.stopped(fault);
    }
  }
}
