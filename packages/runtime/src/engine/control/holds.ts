/**
 * What is held, and how it goes on: pauses, steps, and instances that stand at breakpoints. Rules:
 * 1. Whoever stands still holds neither slot nor lock; it goes on where it stood, once.
 * 2. A stop is told last: whoever hears of it may resume, or cancel.
 * 3. After a wait for a condition everything is asked again: the execution may have been paused or cancelled.
 */
import { RuntimeError } from "../../errors.ts";
import type { PastSteering } from "../../journal/past-steering.ts";
import { GRACE_MS } from "../host.ts";
import type { PlanNode } from "../plan/plan.ts";
import type { Attempt, Outcome } from "../run/attempt.ts";
import { CancelReason, mayRetry } from "../run/failure.ts";
import type { Ready } from "../run/ready.ts";
import type { Scheduler } from "../run/scheduler.ts";
import type { Scope } from "../run/scope.ts";
import { isHandled } from "../run/settling.ts";
import { HELD, READY, RUNNING } from "../run/states.ts";
import { hasFlowed } from "../streams/region.ts";
import { hitAgain, type Hit, type Place } from "./breakpoints.ts";
import type { StepKind } from "./control.ts";
import { attemptsIn } from "./locate.ts";
import { edgePlace, overrideInput, overrideOutput, placeOf, valuesOf, type Delivered } from "./stop-values.ts";
import type { Stop } from "./stops.ts";

export class Holds {
  readonly #scheduler: Scheduler;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** From here on no attempt starts; `now`: those that may be repeated are ended, and begin again later. */
  hold(now: boolean): void {
    this.#scheduler.control.hold();
    for (const entry of this.#scheduler.launcher.ready.drain()) this.#scheduler.queue(entry);
    if (now) {
      const reason = new CancelReason(
        "pause",
        "the execution is being paused",
        this.#scheduler.host.clock.now(),
        GRACE_MS,
      );
      for (const attempt of attemptsIn(this.#scheduler.root)) {
        const { scope, node, stop } = attempt;
        const mayRepeat = node.kind === "node" && node.effect !== "write" && !hasFlowed(scope, node);
        // What was released and has not begun yet waits among the ready ones.
        if (mayRepeat && !stop && !attempt.isReleased) attempt.abort(reason);
      }
    }
    this.#scheduler.turn();
  }

  /** Goes on: what was held starts, in order, and every stop is left. */
  unhold(): void {
    const kept = this.#scheduler.control.release();
    for (const stop of this.#scheduler.stops.all()) this.#leave(stop);
    this.#requeue(kept);
    this.#scheduler.turn();
  }

  /** Goes on with everything that stands at no other stop. */
  resumeFrom(stop: Stop): void {
    const kept = this.#scheduler.control.release();
    this.#leave(stop);
    this.#requeue(kept);
    this.#scheduler.turn();
  }

  /** Leaves one stop; what it holds goes on as far as the execution does. */
  leave(stop: Stop): void {
    this.#leave(stop);
    this.#scheduler.turn();
  }

  /** Lets one instance go on, or its scope, and stops at what follows. */
  step(kind: StepKind, scope: Scope, node: number): void {
    this.#requeue(this.#scheduler.control.step(kind, scope, node));
    for (const stop of this.#scheduler.stops.all()) {
      if (this.#scheduler.control.mayStart(stop.scope, stop.node)) this.#leave(stop);
    }
    this.#scheduler.turn();
  }

  #requeue(entries: readonly Ready[]): void {
    for (const entry of entries) {
      if (entry.scope.state[entry.node] === HELD && !entry.scope.attempts.has(entry.node)) {
        this.#scheduler.transitions.node(entry.scope, entry.node, READY);
      }
      this.#scheduler.queue(entry);
    }
  }

  #leave(stop: Stop): void {
    this.#scheduler.stops.close(stop);
    this.#scheduler.journal?.left(stop.info.stopId);
    // Whoever heard of it may have cancelled the execution.
    if (!stop.scope.ending) stop.go();
  }

  /** Asked once, when an attempt is prepared. False: it is held, and told to proceed later. */
  mayRun(attempt: Attempt): boolean {
    const { control, breakpoints, facts } = this.#scheduler;
    const before = facts.past && this.#asBefore(attempt, facts.past.steering);
    if (before !== undefined) return before;
    if (!control.isHolding && breakpoints.isEmpty) return true;
    const { scope, node } = attempt;
    if (!control.mayStart(scope, node.id)) {
      this.#takeBack(attempt);
      return false;
    }
    const isTarget = control.takeMark(scope, node.id);
    const hit = breakpoints.meet(placeOf(attempt, "before"));
    if (!hit) {
      if (isTarget) this.#stopBefore(attempt, undefined);
      return !isTarget;
    }
    void hit.then((found) => {
      if (attempt.isOver) return;
      if (attempt.aborted || (!found && !isTarget && control.mayStart(scope, node.id))) attempt.proceed();
      else if (found || isTarget) this.#stopBefore(attempt, found);
      else this.#takeBack(attempt);
    });
    return false;
  }

  /** As it stood in another host: at a stop before it ran, or on the way to one. Undefined: at none. */
  #asBefore(attempt: Attempt, past: PastSteering): boolean | undefined {
    const { path, number } = attempt;
    for (const { at, port, value } of past.overrides(path, number)) {
      if (at === "before") overrideInput(attempt, port, value);
    }
    const again = past.takeStop(path, ["before"]);
    if (again) this.#stopBefore(attempt, hitAgain(again));
    if (again) return false;
    return past.isStopped(path) || past.outcome(path, number) ? true : undefined;
  }

  /** What an attempt came to, with what was put in its place before its host died. */
  asEdited(attempt: Attempt, outcome: Outcome): Outcome {
    if (outcome.kind !== "completed" && outcome.kind !== "failed") return outcome;
    let edited: Delivered = outcome;
    for (const { at, port, value } of this.#scheduler.facts.past!.steering.overrides(attempt.path, attempt.number)) {
      if (at !== "before") edited = overrideOutput(attempt, edited, port, value);
    }
    return edited;
  }

  /** Prepared, and not to start now: it will be prepared anew. */
  #takeBack(attempt: Attempt): void {
    const { scope, node } = attempt;
    this.#scheduler.launcher.release(attempt);
    this.startOver(scope, node);
    this.#scheduler.turn();
  }

  /** The same attempt again, when it may. */
  startOver(scope: Scope, node: PlanNode): void {
    scope.token[node.id] = 0;
    scope.attempt[node.id]!--;
    if (scope.state[node.id] === RUNNING) this.#scheduler.transitions.node(scope, node.id, READY);
    this.#scheduler.queue({ scope, node: node.id, weight: node.weight });
  }

  #stopBefore(attempt: Attempt, hit: Hit | undefined): void {
    const { scope, node } = attempt;
    this.#standStill(attempt);
    const go = (): void => {
      attempt.stop = undefined;
      attempt.isReleased = true;
      this.#scheduler.queue({ scope, node: node.id, weight: node.weight });
    };
    const override = (port: string, value: unknown): void => overrideInput(attempt, port, value);
    const values = valuesOf(attempt);
    this.#open({ at: "before", scope, node: node.id, attempt, values, override, go }, attempt.path, hit);
  }

  /** Undefined at once where no breakpoint stands. */
  meetAfter(attempt: Attempt, outcome: Outcome): Promise<Hit | undefined> | undefined {
    const { breakpoints, facts } = this.#scheduler;
    const again = facts.past?.steering.takeStop(attempt.path, ["after", "error"]);
    if (again) return Promise.resolve(hitAgain(again));
    if (breakpoints.isEmpty) return undefined;
    if (outcome.kind === "completed") return breakpoints.meet(placeOf(attempt, "after", outcome));
    if (outcome.kind !== "failed" || attempt.prepared === undefined) return undefined;
    const { node, scope } = attempt;
    const isUncaught = !mayRetry(node, attempt.number, outcome.error) && !isHandled(scope, node);
    return breakpoints.meet(placeOf(attempt, "error", outcome, isUncaught));
  }

  /** The outcome is there, and nobody has it. */
  stopAfter(attempt: Attempt, outcome: Delivered, hit: Hit): void {
    this.#standStill(attempt);
    let edited = outcome;
    const values = valuesOf(attempt, outcome);
    const { scope, node, path } = attempt;
    const at = outcome.kind === "completed" ? "after" : "error";
    const override = (port: string, value: unknown): void => {
      edited = overrideOutput(attempt, edited, port, value);
      values.out = { ...edited.outputs };
    };
    const go = (): void => {
      attempt.stop = undefined;
      this.#scheduler.deliver(attempt, edited);
    };
    // What a stream has given away cannot be given again by whoever takes it up: the region runs anew then.
    const came = node.streamsTo || hasFlowed(scope, node) ? undefined : outcome;
    this.#open({ at, scope, node: node.id, attempt, values, override, go }, path, hit, { came });
  }

  /** It stands still, and holds nothing that others could use. */
  #standStill(attempt: Attempt): void {
    const { scope, node } = attempt;
    if (scope.state[node.id] === RUNNING) this.#scheduler.progress.running--;
    this.#scheduler.transitions.node(scope, node.id, HELD);
    this.#scheduler.launcher.giveBack(attempt);
  }

  /** `hit` undefined: it stops because of a step. */
  #open(
    stop: Omit<Stop, "info">,
    path: string,
    hit: Hit | undefined,
    { came, port }: { came?: Delivered | undefined; port?: string | undefined } = {},
  ): void {
    const { attempt, at } = stop;
    const allStopped = hit === undefined || hit.suspend === "all";
    if (hit && allStopped) this.#scheduler.facts.stopped();
    const again = hit?.again;
    const reason = hit === undefined ? this.#scheduler.control.reason : at === "error" ? "error" : "breakpoint";
    const about = {
      reason: again?.reason ?? reason,
      breakpointIds: [...(hit?.breakpointIds ?? [])],
      path,
      attempt: attempt?.number ?? 0,
      allStopped,
      ...(hit?.conditionError === undefined ? {} : { conditionError: hit.conditionError }),
    };
    const opened = this.#scheduler.stops.open(stop, about, again?.id);
    if (!again) this.#scheduler.journal?.stopped(opened.info, at, port, came);
    if (attempt) attempt.stop = opened;
    this.#scheduler.stops.tell(opened);
    this.#scheduler.turn();
  }

  /** False: no breakpoint stands where the value would enter. */
  meetEdge(scope: Scope, from: number, target: number): boolean {
    const place = edgePlace(scope, from, target);
    const hit = place && this.#meetEdge(place);
    if (!hit) return false;
    const go = (): void => this.#scheduler.putToken(scope, from, target);
    this.#scheduler.launcher.preparing++;
    void hit.then((found) => {
      this.#scheduler.launcher.preparing--;
      if (found && !scope.ending) {
        const override = (): never => {
          throw new RuntimeError(
            "E_STATE",
            `Cannot override the value that enters "${place.path}": others read it too; stop before "${place.path}" instead`,
          );
        };
        const values = place.values();
        this.#open({ at: "edge", scope, node: target, attempt: undefined, values, override, go }, place.path, found, {
          port: place.port,
        });
      } else {
        go();
        this.#scheduler.turn();
      }
    });
    return true;
  }

  #meetEdge(place: Place): Promise<Hit | undefined> | undefined {
    const { past } = this.#scheduler.facts;
    const again = past?.steering.takeStop(place.path, ["edge"], place.port);
    if (again) return Promise.resolve(hitAgain(again));
    // What has begun had its values already.
    return past?.knows(place.path) ? undefined : this.#scheduler.breakpoints.meet(place);
  }
}
