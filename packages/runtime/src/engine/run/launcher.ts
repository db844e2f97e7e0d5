import type { PlanNode } from "../plan/plan.ts";
/**
 * What is ready gets a slot and starts. Rules:
 * 1. An attempt of a plain node holds a slot of its execution and one of its host until it is over or gives it up.
 * 2. Loops, Blueprints and readers of streams hold none: what they hold could never run, or their writer would wait.
 * 3. The event loop gets its turn between launches (`Pace`), however many nodes never wait.
 */
import { Attempt } from "./attempt.ts";
import { ReadyQueue } from "./ready.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Scope } from "./scope.ts";
import type { Claimant } from "./slots.ts";
import { READY, RUNNING } from "./states.ts";

export class Launcher implements Claimant {
  readonly ready: ReadyQueue = new ReadyQueue();
  /** Constructs and items that are being prepared: they hold no slot, and yet something goes on. */
  preparing = 0;
  readonly #scheduler: Scheduler;
  /** Attempts that hold a slot. */
  #running = 0;
  /** Attempts that read or write streams without a slot, and do not wait. */
  #streaming = 0;
  #isYielding = false;
  #isLooking = false;
  #tokenSeq = 0;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  get priority(): number {
    return this.#scheduler.facts.priority;
  }
  offer(): void {
    this.#scheduler.turn();
  }

  /** Nothing runs unparked, and nothing is about to. */
  get #isQuiet(): boolean {
    return (
      this.#running === 0 && this.#streaming === 0 && this.preparing === 0 && this.ready.size === 0 && !this.#isYielding
    );
  }

  /** Tells a held execution that nothing runs any more; what only waits for promises goes on before. */
  look(): void {
    const { control, facts } = this.#scheduler;
    if (!control.isHolding || !this.#isQuiet || this.#isLooking) return;
    this.#isLooking = true;
    setImmediate(() => {
      this.#isLooking = false;
      if (control.isHolding && this.#isQuiet) facts.quiet();
    });
  }

  /** Starts the first of what is ready. False: there is none, or none may start now. */
  next(): boolean {
    for (let top = this.ready.peek(); top; top = this.ready.peek()) {
      const { scope, node } = top;
      const attempt = scope.attempts.get(node);
      const mayGo = attempt ? attempt.isReleased : scope.state[node] === READY;
      if (!mayGo || scope.ending) {
        this.ready.pop();
        continue;
      }
      return !this.#isYielding && this.#launch(scope, scope.template.nodes[node]!);
    }
    return false;
  }

  /** False: no slot now. */
  #launch(scope: Scope, node: PlanNode): boolean {
    const { host, facts } = this.#scheduler;
    const needsSlot = node.kind === "node" && !node.readsStreams;
    const lock = node.kind === "node" ? node.def.resources?.exclusive : undefined;
    if (needsSlot && this.#running >= facts.concurrency) return false;
    if (host.pace.mustYield()) {
      this.#yield();
      return false;
    }
    if (lock !== undefined && !this.#takeLock(lock, scope, node)) return true;
    if (needsSlot && !host.slots.take(this)) {
      if (lock !== undefined) host.locks.give(lock);
      return false;
    }
    this.ready.pop();
    if (needsSlot) this.#running++;
    else this.preparing++;
    const released = scope.attempts.get(node.id);
    const attempt = released ?? this.#attempt(scope, node);
    attempt.lock = lock;
    attempt.holdsSlot = needsSlot;
    attempt.isPreparing = !needsSlot;
    attempt.isReleased = false;
    if (released) released.proceed();
    else attempt.begin();
    return true;
  }

  #attempt(scope: Scope, node: PlanNode): Attempt {
    const token = ++this.#tokenSeq;
    scope.token[node.id] = token;
    scope.attempt[node.id]!++;
    const attempt = new Attempt(this.#scheduler, scope, node, scope.attempt[node.id]!, token);
    scope.attempts.set(node.id, attempt);
    return attempt;
  }

  #yield(): void {
    this.#isYielding = true;
    this.#scheduler.host.pace.turn(() => {
      this.#isYielding = false;
      this.#scheduler.turn();
    });
  }

  /** False: it is out of the queue, and comes back when the lock is free. */
  #takeLock(lock: string, scope: Scope, node: PlanNode): boolean {
    const retry = (): void => {
      this.#scheduler.queue({ scope, node: node.id, weight: node.weight });
      this.#scheduler.turn();
    };
    if (this.#scheduler.host.locks.take(lock, retry)) return true;
    this.ready.pop();
    return false;
  }

  /** The attempt has begun to run its node. */
  started(attempt: Attempt): void {
    const { scope, node } = attempt;
    const { transitions, host, progress } = this.#scheduler;
    this.#isPrepared(attempt);
    if (node.readsStreams && node.kind === "node") {
      attempt.isStreaming = true;
      this.#streaming++;
    }
    transitions.node(scope, node.id, RUNNING);
    if (scope.startedAt[node.id] === 0) scope.startedAt[node.id] = host.clock.now();
    progress.running++;
    progress.changed();
  }

  /** It waits for a reader of its stream, which may need the slot. */
  park(attempt: Attempt): void {
    if (!attempt.holdsSlot) return;
    this.#giveSlot(attempt);
    this.#scheduler.turn();
  }

  /** It waits for an item, or for room for one: until `unblocks` it is as good as paused. */
  blocks(attempt: Attempt): void {
    if (attempt.streamWaits++ > 0 || !attempt.isStreaming) return;
    attempt.isStreaming = false;
    this.#streaming--;
    if (this.#scheduler.control.isHolding) this.#scheduler.turn();
  }
  unblocks(attempt: Attempt): void {
    if (--attempt.streamWaits > 0 || attempt.isOver || attempt.holdsSlot || attempt.isStreaming) return;
    attempt.isStreaming = true;
    this.#streaming++;
  }

  /** Its attempt is over. */
  release(attempt: Attempt): void {
    const { scope, node } = attempt;
    const { progress } = this.#scheduler;
    attempt.close();
    if (attempt.hasReported) progress.forget(attempt.path);
    scope.attempts.delete(node.id);
    if (scope.state[node.id] === RUNNING) progress.running--;
    this.giveBack(attempt);
  }

  /** Slot and lock, once. */
  giveBack(attempt: Attempt): void {
    const { lock } = attempt;
    this.#isPrepared(attempt);
    if (attempt.isStreaming) this.#streaming--;
    attempt.isStreaming = false;
    attempt.lock = undefined;
    if (lock !== undefined) this.#scheduler.host.locks.give(lock);
    if (attempt.holdsSlot) this.#giveSlot(attempt);
  }

  #giveSlot(attempt: Attempt): void {
    attempt.holdsSlot = false;
    this.#running--;
    this.#scheduler.host.slots.give();
  }

  #isPrepared(attempt: Attempt): void {
    if (!attempt.isPreparing) return;
    attempt.isPreparing = false;
    this.preparing--;
  }
}
