/**
 * What ends an evaluation. JSONata's own limits are fixed when an expression is compiled, count other work's time, and never let go of the
 * event loop; but it calls two functions around every part of an expression that it evaluates.
 * They find the counts of their evaluation among its bindings, so evaluations beside each other are counted apart.
 */

import type jsonata from "jsonata";

export interface EvaluateOptions {
  /** Milliseconds that one evaluation may take, turns given to others not counted. Default 1,000. */
  budgetMs?: number;
  /**
   * Parts of the expression that may be under way at once: bounds the memory of a function that calls itself. Elements of a list and
   * groups of `{ … }` are under way together, so a large grouping needs some for each group. Default 200,000, some 250 MB at worst.
   */
  maxOpen?: number;
  /** Ends the evaluation; its reason is thrown. */
  signal?: AbortSignal;
  /** Milliseconds from any start. Default `performance.now`. */
  now?: () => number;
}

export const DEFAULT_BUDGET_MS = 1_000;
export const DEFAULT_MAX_OPEN = 200_000;
/** An evaluation that has gone on for so long lets the rest of the process have a turn. */
const TURN_MS = 12;
/** Between two looks at the clock no more is counted: the rest went to other work, or the machine slept. */
const MAX_SLICE_MS = 100;

const ENTRY = Symbol.for("jsonata.__evaluate_entry");
const EXIT = Symbol.for("jsonata.__evaluate_exit");
/** Bound for one evaluation only. No variable of an expression can be called this. */
const GUARD = "guard of this evaluation";

/** Counts for one evaluation. */
class Guard {
  #open = 0;
  #spentMs = 0;
  #sliceStart: number;
  /** Shared by all parts that come while others have their turn, so that it is counted once. */
  #turn: Promise<void> | undefined;
  readonly #now: () => number;
  readonly #options: EvaluateOptions;

  constructor(options: EvaluateOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#sliceStart = this.#now();
  }

  /** Throws where a limit is passed; a promise where others get a turn. */
  enter(): void | Promise<void> {
    const { signal, budgetMs = DEFAULT_BUDGET_MS, maxOpen = DEFAULT_MAX_OPEN } = this.#options;
    signal?.throwIfAborted();
    if (++this.#open > maxOpen) {
      throw new Limit(
        `more than ${maxOpen} of its parts are under way at once; a function calls itself without an end, or a grouping is too large`,
      );
    }
    if (this.#turn) return this.#turn;
    const sliceMs = Math.min(this.#now() - this.#sliceStart, MAX_SLICE_MS);
    if (this.#spentMs + sliceMs > budgetMs) throw new Limit(`it takes longer than ${budgetMs} ms; does it end?`);
    if (sliceMs < TURN_MS) return;
    this.#spentMs += sliceMs;
    this.#turn = new Promise((resolve) => {
      setTimeout(() => {
        this.#turn = undefined;
        this.#sliceStart = this.#now();
        resolve();
      }, 0);
    });
    return this.#turn;
  }

  leave(): void {
    this.#open--;
  }
}

class Limit extends Error {}

const guardOf = (environment: jsonata.Environment): Guard | undefined => environment.lookup(GUARD) as Guard | undefined;

const onEntry = (_expr: unknown, _input: unknown, environment: jsonata.Environment): void | Promise<void> =>
  guardOf(environment)?.enter();

const onExit = (_expr: unknown, _input: unknown, environment: jsonata.Environment): void => {
  guardOf(environment)?.leave();
};

/** Lets the limits watch over every evaluation of `compiled` whose bindings hold a guard. */
export function watch(compiled: jsonata.Expression): void {
  compiled.assign(ENTRY as unknown as string, onEntry);
  compiled.assign(EXIT as unknown as string, onExit);
}

/** Bindings for one evaluation. */
export const guardFor = (options: EvaluateOptions): Record<string, unknown> => ({ [GUARD]: new Guard(options) });
