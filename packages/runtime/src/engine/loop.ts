/**
 * Runs a loop. Rules: at most `concurrency` items have a scope; the next one is opened when one has ended; an item ends
 * well, or as `onItemError` says; the loop ends when no scope is left, also after an abort.
 */
import { NodeError, type RtError } from "../errors.ts";
import type { Attempt } from "./attempt.ts";
import { around, scopeOutputs } from "./blueprint-node.ts";
import type { LoopConfig } from "./constructs.ts";
import { cancelInside, CancelReason, toRtError } from "./failure.ts";
import { GRACE_MS } from "./host.ts";
import type { Scope, Values } from "./scope.ts";

/** Characters of a key in a path. */
const KEY_LIMIT = 200;

export function runLoop(attempt: Attempt, inputs: Record<string, unknown>, config: LoopConfig): void {
  new Loop(attempt, inputs, config).start();
}

class Loop {
  readonly #attempt: Attempt;
  readonly #inputs: Record<string, unknown>;
  readonly #config: LoopConfig;
  /** A copy: what the body does to the list does not change the loop. */
  readonly #items: readonly unknown[];
  readonly #live = new Set<Scope>();
  readonly #results: Values[] = [];
  readonly #errors: { index: number; key: string; item: unknown; error: RtError }[] = [];
  readonly #keys = new Map<string, number>();
  #next = 0;
  #opening = 0;
  #ended = 0;
  #failure: RtError | undefined;
  #isDone = false;
  #isFilling = false;

  constructor(attempt: Attempt, inputs: Record<string, unknown>, config: LoopConfig) {
    this.#attempt = attempt;
    this.#inputs = inputs;
    this.#config = config;
    this.#items = [...(inputs["items"] as readonly unknown[])];
    attempt.onItemError = config.onItemError;
  }

  start(): void {
    const { scheduler, scope, node } = this.#attempt;
    const template = node.child!;
    const { progress } = scheduler;
    if (!scope.expanded.has(node.id)) progress.openLoops--;
    scope.expanded.add(node.id);
    progress.total += this.#items.length * template.instances;
    progress.openLoops += this.#items.length * template.loops;
    this.#attempt.onAbort(() => this.#stop());
    this.#fill();
    scheduler.turn();
  }

  get #isStopped(): boolean {
    return this.#failure !== undefined || this.#attempt.aborted !== undefined;
  }

  /** Opens items while there is room. Not re-entrant: an item may end while it is opened. */
  #fill(): void {
    if (this.#isFilling) return;
    this.#isFilling = true;
    while (
      !this.#isStopped &&
      this.#next < this.#items.length &&
      this.#live.size + this.#opening < this.#config.concurrency
    ) {
      this.#openNext(this.#next++);
    }
    this.#isFilling = false;
    if (this.#live.size + this.#opening === 0 && (this.#isStopped || this.#next >= this.#items.length)) this.#end();
  }

  #openNext(index: number): void {
    const { key } = this.#attempt.node;
    if (!key) return this.#open(index, String(index));
    this.#opening++;
    void this.#keyOf(index, key)
      .then(
        (name) => {
          this.#opening--;
          if (!this.#isStopped) this.#open(index, name);
          else this.#ended++;
        },
        (error: unknown) => {
          this.#opening--;
          const { path, number } = this.#attempt;
          this.#itemFailed(index, String(index), toRtError(error, path, number));
        },
      )
      .then(() => {
        this.#fill();
        this.#attempt.scheduler.turn();
      });
  }

  async #keyOf(index: number, key: NonNullable<Attempt["node"]["key"]>): Promise<string> {
    const { path } = this.#attempt;
    const seen = { ...this.#attempt.expressionScope(this.#inputs), item: this.#items[index], index };
    const value = await key.evaluate(seen, this.#attempt.signal);
    if ((typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") || value === "") {
      throw new NodeError(
        `Cannot name item ${index} of "${path}": its key is ${value === "" ? "empty" : typeof value}; let "key" give a text or a number`,
        {
          code: "INVALID_KEY",
          class: "user",
          retryable: false,
        },
      );
    }
    return this.#unique(pathSafe(String(value)), index);
  }

  /** Two items of one name: both run, the second under a name of its own. */
  #unique(name: string, index: number): string {
    const times = (this.#keys.get(name) ?? 0) + 1;
    this.#keys.set(name, times);
    if (times === 1) return name;
    const own = `${name}#${times}`;
    const { scheduler, path, number } = this.#attempt;
    scheduler.recorder.log(
      path,
      number,
      "warn",
      `Item ${index} has the key "${name}" of an earlier one: it runs as "${own}"`,
    );
    return this.#keys.has(own) ? this.#unique(own, index) : (this.#keys.set(own, 1), own);
  }

  #open(index: number, key: string): void {
    const { scheduler, scope, node, path } = this.#attempt;
    const child = scheduler.open({
      template: node.child!,
      parent: { scope, node: node.id },
      prefix: `${path}[${key}]/`,
      inputs: this.#inputs,
      item: { value: this.#items[index], index, key, share: 1 / this.#items.length },
      onEnd: (ended) => {
        this.#live.delete(ended);
        this.#itemEnded(ended, index, key);
        this.#fill();
      },
    });
    this.#live.add(child);
  }

  #itemEnded(scope: Scope, index: number, key: string): void {
    const { scheduler, path } = this.#attempt;
    if (scope.failure) this.#itemFailed(index, key, scope.failure);
    else {
      this.#ended++;
      if (scope.ending) return;
      const outputs = scopeOutputs(scope);
      if (this.#config.order === "preserve") this.#results[index] = outputs;
      else this.#results.push(outputs);
    }
    this.#attempt.hasReported = true;
    scheduler.progress.report(path, this.#ended, this.#items.length, undefined);
  }

  #itemFailed(index: number, key: string, error: RtError): void {
    this.#ended++;
    const { scheduler, path, number } = this.#attempt;
    switch (this.#config.onItemError) {
      case "collect":
        this.#errors.push({ index, key, item: this.#items[index], error });
        break;
      case "skip":
        scheduler.recorder.log(path, number, "warn", `Left out item ${index} ("${key}"): ${error.message}`);
        break;
      case "fail":
        this.#failure ??= around(error, path, number, `failed at item ${index} ("${key}")`);
        if (this.#attempt.scope.template.onFailure === "cancel") this.#stop();
        break;
    }
  }

  /** Opens nothing more, and ends what is open. */
  #stop(): void {
    const { scheduler, aborted } = this.#attempt;
    const { clock } = scheduler.host;
    const reason = aborted
      ? cancelInside(aborted)
      : new CancelReason("cancel", `failure of ${this.#failure?.path}`, clock.now(), GRACE_MS);
    for (const scope of this.#live) scheduler.cancel(scope, reason);
    this.#fill();
  }

  #end(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    const { scheduler, node } = this.#attempt;
    const never = this.#items.length - this.#next;
    scheduler.progress.total -= never * node.child!.instances;
    scheduler.progress.openLoops -= never * node.child!.loops;
    if (this.#failure) {
      this.#attempt.failed(this.#failure);
      return;
    }
    this.#errors.sort((a, b) => a.index - b.index);
    // Holes are items that were left out.
    const results = this.#results.filter((outputs) => outputs !== undefined);
    this.#attempt.completed({ results, errors: this.#errors });
  }
}

/** A key stands between brackets in a path: what would end it there is escaped. */
function pathSafe(key: string): string {
  const safe = key.replace(
    // oxlint-disable-next-line no-control-regex
    /[%[\]/\u0000-\u001f]/g,
    (character) => `%${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return safe.length > KEY_LIMIT ? `${safe.slice(0, KEY_LIMIT)}…` : safe;
}
