/**
 * Runs a body while a condition holds. Rules: one iteration at a time; each gets what the one before gave; the condition
 * is asked before each; one more than `maxIterations` fails; an abort or a failure inside ends it.
 */
import { NodeError } from "../../errors.ts";
import type { WhileConfig } from "../plan/constructs.ts";
import { compileCondition, isTrue } from "../plan/expressions.ts";
import type { Compiled } from "../plan/plan.ts";
import type { Attempt } from "./attempt.ts";
import { around, scopeOutputs } from "./blueprint-node.ts";
import { cancelScope } from "./ending.ts";
import { expressionScope } from "./expression-scope.ts";
import { cancelInside, toRtError } from "./failure.ts";
import type { Scope } from "./scope.ts";

export function runWhile(attempt: Attempt, inputs: Record<string, unknown>, config: WhileConfig): void {
  new While(attempt, inputs, config).start();
}

class While {
  readonly #attempt: Attempt;
  readonly #inputs: Record<string, unknown>;
  readonly #config: WhileConfig;
  #condition: Compiled | undefined;
  #live: Scope | undefined;
  #item: unknown;
  /** Iterations that have ended well. */
  #index = 0;

  constructor(attempt: Attempt, inputs: Record<string, unknown>, config: WhileConfig) {
    this.#attempt = attempt;
    this.#inputs = inputs;
    this.#config = config;
    this.#item = inputs["start"];
  }

  start(): void {
    const { scope, node, scheduler } = this.#attempt;
    if (scope.expanded.has(node.id)) scheduler.progress.openLoops++;
    scope.expanded.add(node.id);
    this.#attempt.onAbort(() => {
      if (this.#live) cancelScope(scheduler, this.#live, cancelInside(this.#attempt.aborted!));
    });
    this.#next();
  }

  /** Asks, then opens the next iteration or ends. */
  #next(): void {
    const { scheduler, path, number } = this.#attempt;
    scheduler.launcher.preparing++;
    void this.#goesOn().then(
      (goesOn) => {
        scheduler.launcher.preparing--;
        if (goesOn && !this.#attempt.aborted) this.#open();
        else this.#end(() => this.#attempt.completed({ value: this.#item ?? null, iterations: this.#index }));
        scheduler.turn();
      },
      (error: unknown) => {
        scheduler.launcher.preparing--;
        this.#end(() => this.#attempt.failed(toRtError(error, path, number)));
        scheduler.turn();
      },
    );
  }

  async #goesOn(): Promise<boolean> {
    const { condition, maxIterations } = this.#config;
    this.#condition ??= compileCondition(condition);
    const seen = { ...expressionScope(this.#attempt, this.#inputs), item: this.#item, index: this.#index };
    if (!isTrue(await this.#condition.evaluate(seen, this.#attempt.signal))) return false;
    if (this.#index < maxIterations) return true;
    throw new NodeError(
      `Cannot go on with "${this.#attempt.path}": its condition still holds after ${maxIterations} iterations; raise maxIterations, or look at what the body gives`,
      { code: "ITERATION_LIMIT", class: "user", retryable: false },
    );
  }

  #open(): void {
    const { scheduler, scope, node, path } = this.#attempt;
    const template = node.child!;
    const key = String(this.#index);
    scheduler.progress.total += template.instances;
    scheduler.progress.openLoops += template.loops;
    this.#live = scheduler.open({
      template,
      parent: { scope, node: node.id },
      prefix: `${path}[${key}]/`,
      inputs: this.#inputs,
      item: { value: this.#item, index: this.#index, key, share: 0 },
      onEnd: (ended) => this.#ended(ended),
    });
  }

  #ended(scope: Scope): void {
    const { scheduler, path, number } = this.#attempt;
    const { failure } = scope;
    this.#live = undefined;
    if (failure) {
      this.#end(() => this.#attempt.failed(around(failure, path, number, `failed at iteration ${this.#index}`)));
      return;
    }
    if (!scope.ending) {
      this.#item = scopeOutputs(scope);
      this.#index++;
      this.#attempt.hasReported = true;
      scheduler.progress.report(path, this.#index, undefined, undefined);
    }
    this.#next();
  }

  #end(tell: () => void): void {
    this.#attempt.scheduler.progress.openLoops--;
    tell();
  }
}
