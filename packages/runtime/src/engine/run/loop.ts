/**
 * Runs a loop. Rules: at most `concurrency` items have a scope; the next one is opened when one has ended; an item ends
 * well, or as `onItemError` says; the loop ends when no scope is left, also after an abort.
 */
import { NodeError, type RtError } from "../../errors.ts";
import { GRACE_MS } from "../host.ts";
import type { LoopConfig } from "../plan/constructs.ts";
import { QUEUE_ITEMS } from "../streams/stream-queue.ts";
import { emitItem } from "../streams/streams.ts";
import type { Attempt } from "./attempt.ts";
import { around, scopeOutputs } from "./blueprint-node.ts";
import { cancelScope } from "./ending.ts";
import { expressionScope } from "./expression-scope.ts";
import { cancelInside, CancelReason, toRtError } from "./failure.ts";
import { InOrder, itemsOf, type LoopItems } from "./loop-items.ts";
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
  readonly #source: LoopItems;
  readonly #live = new Set<Scope>();
  readonly #results: InOrder;
  readonly #errors: { index: number; key: string; item: unknown; error: RtError }[] = [];
  readonly #keys = new Map<string, number>();
  #opening = 0;
  #isWaiting = false;
  #ended = 0;
  /** Results that nobody has taken yet. */
  #unsent = 0;
  #failure: RtError | undefined;
  #isDone = false;
  #isFilling = false;

  constructor(attempt: Attempt, inputs: Record<string, unknown>, config: LoopConfig) {
    this.#attempt = attempt;
    this.#inputs = inputs;
    this.#config = config;
    this.#source = itemsOf(inputs["items"]);
    this.#results = new InOrder(config.order, (outputs) => this.#put(outputs));
    attempt.onItemError = config.onItemError;
  }

  start(): void {
    const { scheduler, scope, node } = this.#attempt;
    const template = node.child!;
    const { progress } = scheduler;
    if (!scope.expanded.has(node.id)) progress.openLoops--;
    scope.expanded.add(node.id);
    const { total } = this.#source;
    if (total === undefined) progress.openLoops++;
    else {
      progress.total += total * template.instances;
      progress.openLoops += total * template.loops;
    }
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
    while (!this.#isStopped && this.#hasRoom) {
      const next = this.#source.take();
      if (!next) break;
      this.#openNext(next.index, next.value);
    }
    this.#isFilling = false;
    if (!this.#isStopped && !this.#source.isDone) {
      if (this.#hasRoom) this.#wait();
    } else if (this.#live.size + this.#opening === 0 && (this.#isStopped || this.#unsent === 0)) this.#end();
  }

  /** Results that a slow reader has not taken, or a slow item holds back, keep further items from being opened. */
  get #hasRoom(): boolean {
    if (this.#live.size + this.#opening >= this.#config.concurrency) return false;
    return this.#attempt.node.streamsTo === undefined || this.#unsent + this.#results.held < QUEUE_ITEMS;
  }

  /** For the next item of a stream. */
  #wait(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    const go = (): void => {
      this.#isWaiting = false;
      this.#fill();
      this.#attempt.scheduler.turn();
    };
    void this.#source.wait().then(go, go);
  }

  /** One result on its way to whoever reads them. */
  #put(outputs: Values): void {
    this.#unsent++;
    const sent = (): void => {
      this.#unsent--;
      this.#fill();
      this.#attempt.scheduler.turn();
    };
    emitItem(this.#attempt, "results", outputs).then(sent, (error: unknown) => {
      const { path, number } = this.#attempt;
      if (!this.#attempt.aborted) this.#failure ??= toRtError(error, path, number);
      sent();
    });
  }

  #openNext(index: number, item: unknown): void {
    const { key } = this.#attempt.node;
    if (!key) return this.#open(index, String(index), item);
    this.#opening++;
    this.#attempt.scheduler.launcher.preparing++;
    void this.#keyOf(index, item, key)
      .then(
        (name) => {
          this.#opening--;
          if (!this.#isStopped) this.#open(index, name, item);
          else this.#ended++;
        },
        (error: unknown) => {
          this.#opening--;
          const { path, number } = this.#attempt;
          this.#itemFailed(index, String(index), item, toRtError(error, path, number));
        },
      )
      .then(() => {
        this.#attempt.scheduler.launcher.preparing--;
        this.#fill();
        this.#attempt.scheduler.turn();
      });
  }

  async #keyOf(index: number, item: unknown, key: NonNullable<Attempt["node"]["key"]>): Promise<string> {
    const { path } = this.#attempt;
    const seen = { ...expressionScope(this.#attempt, this.#inputs), item, index };
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

  #open(index: number, key: string, item: unknown): void {
    const { scheduler, scope, node, path } = this.#attempt;
    const { total } = this.#source;
    const template = node.child!;
    if (total === undefined) {
      scheduler.progress.total += template.instances;
      scheduler.progress.openLoops += template.loops;
    }
    const child = scheduler.open({
      template,
      parent: { scope, node: node.id },
      prefix: `${path}[${key}]/`,
      inputs: this.#inputs,
      item: { value: item, index, key, share: total === undefined ? 0 : 1 / total },
      onEnd: (ended) => {
        this.#live.delete(ended);
        this.#itemEnded(ended, index, key, item);
        this.#fill();
      },
    });
    this.#live.add(child);
  }

  #itemEnded(scope: Scope, index: number, key: string, item: unknown): void {
    const { scheduler, path } = this.#attempt;
    if (scope.failure) this.#itemFailed(index, key, item, scope.failure);
    else {
      this.#ended++;
      if (scope.ending) return;
      this.#results.put(index, scopeOutputs(scope));
    }
    this.#attempt.hasReported = true;
    scheduler.progress.report(path, this.#ended, this.#source.total, undefined);
  }

  #itemFailed(index: number, key: string, item: unknown, error: RtError): void {
    this.#ended++;
    const { scheduler, path, number } = this.#attempt;
    switch (this.#config.onItemError) {
      case "collect":
        this.#errors.push({ index, key, item, error });
        break;
      case "skip":
        scheduler.recorder.log(path, number, "warn", `Left out item ${index} ("${key}"): ${error.message}`);
        break;
      case "fail":
        this.#failure ??= around(error, path, number, `failed at item ${index} ("${key}")`);
        if (this.#attempt.scope.template.onFailure === "cancel") this.#stop();
        break;
    }
    this.#results.put(index, undefined);
  }

  /** Opens nothing more, and ends what is open. */
  #stop(): void {
    this.#source.interrupt();
    const { scheduler, aborted } = this.#attempt;
    const { clock } = scheduler.host;
    const reason = aborted
      ? cancelInside(aborted)
      : new CancelReason("cancel", `failure of ${this.#failure?.path}`, clock.now(), GRACE_MS);
    for (const scope of this.#live) cancelScope(scheduler, scope, reason);
    this.#fill();
  }

  #end(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    const { scheduler, node } = this.#attempt;
    const { total, taken } = this.#source;
    if (total === undefined) scheduler.progress.openLoops--;
    else {
      scheduler.progress.total -= (total - taken) * node.child!.instances;
      scheduler.progress.openLoops -= (total - taken) * node.child!.loops;
    }
    if (this.#failure) {
      this.#attempt.failed(this.#failure);
      return;
    }
    this.#errors.sort((a, b) => a.index - b.index);
    const results = this.#attempt.streams?.get("results")?.close() ?? [];
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
