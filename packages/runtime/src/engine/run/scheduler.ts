/**
 * Tokens, states and order of one execution. Rules:
 * 1. Every edge carries one token a scope, a value or nothing; so every instance becomes final.
 * 2. An instance becomes final in one place (`Settling`); whoever is late is dropped by its attempt's token.
 * 3. Work is a list, never recursion: a chain of any length settles on one stack frame (`turn`).
 */
import type { Blueprint } from "../../blueprint/model.ts";
import type { RtError } from "../../errors.ts";
import type { Past } from "../../journal/past.ts";
import { alarm } from "../alarm.ts";
import { Breakpoints, type SteeringMemory } from "../control/breakpoints.ts";
import { ConfigEdits } from "../control/config-edits.ts";
import { Control } from "../control/control.ts";
import { Holds } from "../control/holds.ts";
import type { StandIns } from "../control/stand-ins.ts";
import type { Delivered } from "../control/stop-values.ts";
import { Stops } from "../control/stops.ts";
import type { EngineHost } from "../host.ts";
import type { JournalWriter } from "../journal-writer.ts";
import type { PlanNode, Template } from "../plan/plan.ts";
import { hasFlowed } from "../streams/region.ts";
import { Progress } from "../told/progress.ts";
import type { Recorder } from "../told/recorder.ts";
import { SettledScopes } from "../told/snapshot.ts";
import type { Attempt, Outcome } from "./attempt.ts";
import { cancelInstance } from "./ending.ts";
import { backoffMs, mayRetry } from "./failure.ts";
import { whyNotReady } from "./inputs.ts";
import { Launcher } from "./launcher.ts";
import { isWon, losersOf } from "./race.ts";
import type { Ready } from "./ready.ts";
import { beginWait, recall } from "./recalling.ts";
import type { Reuse } from "./reuse.ts";
import { makeScope, pathOf, type Scope, type ScopeSeed } from "./scope.ts";
import { Settling } from "./settling.ts";
import { BACKOFF, CANCELLED, HELD, isFinalNode, PENDING, READY, SKIPPED } from "./states.ts";
import type { Transitions } from "./transitions.ts";
import { Waits } from "./waits.ts";

/** What the scheduler asks of the execution around it. */
export interface ExecutionFacts {
  readonly id: string;
  readonly priority: number;
  readonly concurrency: number;
  /** `run` in expressions. */
  readonly run: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** One more with each host that takes it over. */
  readonly epoch: number;
  /** What hosts before this one have recorded. */
  readonly past: Past | undefined;
  /** Given with the run. */
  readonly standIns: StandIns | undefined;
  /** What it may take over from another execution. */
  readonly reuse: Reuse | undefined;
  /** What acts outside is skipped, where no mock stands in for it. */
  readonly isDry: boolean;
  /** A failure in the root scope that nobody handles. */
  unhandled(error: RtError): void;
  /** A stop that holds the whole execution. */
  stopped(): void;
  /** It is held, and nothing runs any more. May be called again. */
  quiet(): void;
}

export class Scheduler {
  readonly host: EngineHost;
  readonly facts: ExecutionFacts;
  readonly recorder: Recorder;
  readonly transitions: Transitions;
  /** Undefined: nothing is kept of the execution. */
  readonly journal: JournalWriter | undefined;
  readonly progress: Progress;
  readonly settled: SettledScopes = new SettledScopes();
  /** Results and calls of attempts that were over: dropped. */
  late = 0;
  /** Instances whose outputs were taken over from another execution. */
  cacheHits = 0;
  liveScopes = 0;
  root!: Scope;
  readonly control: Control = new Control();
  readonly configEdits: ConfigEdits = new ConfigEdits();
  readonly breakpoints: Breakpoints;
  readonly stops: Stops;
  readonly waits: Waits;
  readonly holds: Holds = new Holds(this);
  readonly launcher: Launcher = new Launcher(this);
  readonly settling: Settling = new Settling(this);
  readonly #secrets = new Map<Blueprint, Readonly<Record<string, string>>>();
  #isBusy = false;
  #scopeSeq = 0;

  constructor(
    host: EngineHost,
    facts: ExecutionFacts,
    recorder: Recorder,
    transitions: Transitions,
    journal: JournalWriter | undefined,
  ) {
    this.journal = journal;
    this.host = host;
    this.facts = facts;
    this.recorder = recorder;
    this.transitions = transitions;
    const past = facts.past?.steering;
    const memory: SteeringMemory = { past, counted: journal && ((...met) => journal.count(...met)) };
    facts.standIns?.remember(memory);
    this.stops = new Stops(recorder, past?.lastStop ?? 0);
    this.waits = new Waits(host.clock, recorder);
    this.breakpoints = new Breakpoints(memory, ({ id }, path, message) => recorder.logpoint(id, path, message));
    this.progress = new Progress(
      host.clock,
      () => this.root,
      (told) => recorder.progress(told),
    );
  }

  /** A Blueprint gets the secrets that it lists itself, also inside another. */
  secretsOf({ blueprint }: Template): Readonly<Record<string, string>> {
    let own = this.#secrets.get(blueprint);
    if (!own) {
      const { secrets } = this.facts;
      own = Object.fromEntries(
        blueprint.secrets.flatMap((name) => (Object.hasOwn(secrets, name) ? [[name, secrets[name]!]] : [])),
      );
      this.#secrets.set(blueprint, own);
    }
    return own;
  }

  /** Opens a scope; `turn` afterwards. */
  open(seed: ScopeSeed): Scope {
    const scope = makeScope(this.#scopeSeq++, seed);
    if (seed.parent) seed.parent.scope.children.add(scope);
    else this.root = scope;
    this.liveScopes++;
    const { need } = seed.template;
    for (let node = 0; node < need.length; node++) if (need[node] === 0) this.#decide(scope, node);
    if (need.length === 0) this.settling.ended(scope);
    return scope;
  }

  /** Puts tokens, ends scopes and starts what is ready, until there is nothing to do. Safe to call at any time. */
  turn(): void {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      while (this.settling.next() || this.launcher.next());
    } finally {
      this.#isBusy = false;
    }
    this.launcher.look();
  }

  /** An attempt is over. Called exactly once by it; a second outcome, or one after it was given up, is late. */
  finish(attempt: Attempt, came: Outcome): void {
    const { scope, node } = attempt;
    if (scope.token[node.id] !== attempt.token || isFinalNode(scope.state[node.id]!)) {
      this.late++;
      return;
    }
    const outcome = this.facts.past ? this.holds.asEdited(attempt, came) : came;
    const hit = scope.ending ? undefined : this.holds.meetAfter(attempt, outcome);
    if (!hit) {
      this.deliver(attempt, outcome);
      return;
    }
    attempt.close();
    void hit.then((found) => {
      if (scope.token[node.id] !== attempt.token) return;
      if (found && !scope.ending) this.holds.stopAfter(attempt, outcome as Delivered, found);
      else this.deliver(attempt, scope.ending ? { kind: "cancelled" } : outcome);
    });
  }

  /** What an attempt came to takes effect. */
  deliver(attempt: Attempt, outcome: Outcome): void {
    const { scope, node } = attempt;
    this.launcher.release(attempt);
    if (outcome.kind === "failed" && !scope.ending && this.#backOff(scope, node, attempt.number, outcome.error)) {
      this.turn();
      return;
    }
    switch (outcome.kind) {
      case "completed":
        this.settling.complete(scope, node, outcome.outputs, (port) =>
          outcome.edited?.has(port) ? "edited" : attempt.via,
        );
        break;
      case "failed":
        this.settling.fail(scope, node, outcome.error);
        break;
      case "skipped":
        this.settling.settle(scope, node.id, SKIPPED, outcome.why);
        break;
      case "cancelled":
        this.settling.settle(scope, node.id, CANCELLED);
        break;
      case "paused":
        this.holds.startOver(scope, node);
        break;
      case "waiting":
        beginWait(this, attempt, outcome.wait);
        break;
    }
    this.turn();
  }

  /** The node has emitted its first item: readers of its streams may begin. */
  beginStreams(scope: Scope, { id, streamsTo }: PlanNode): void {
    if (scope.flowing.has(id)) return;
    scope.flowing.add(id);
    for (const { target } of streamsTo!) if (--scope.need[target]! === 0) this.#decide(scope, target);
    this.turn();
  }

  /** Gives everything back that lives outside of the execution. */
  close(): void {
    this.host.slots.leave(this.launcher);
  }

  #decide(scope: Scope, node: number): void {
    if (scope.state[node] !== PENDING) return;
    const plan = scope.template.nodes[node]!;
    if (!recall(this, scope, plan)) {
      const why = whyNotReady(scope, plan);
      if (why !== undefined) {
        this.settling.settle(scope, node, SKIPPED, why);
        return;
      }
      // Items of streams go through an attempt: their readers take them one by one.
      const pin = plan.streamsTo ? undefined : this.facts.standIns?.pinOf(pathOf(scope, node));
      if (pin) {
        this.transitions.node(scope, node, READY);
        this.settling.complete(scope, plan, pin, () => "pin");
      } else this.arrive(scope, node);
    }
    if (!plan.races) return;
    const why = `lost the race at ${pathOf(scope, node)}`;
    for (const loser of losersOf(scope, node)) cancelInstance(this, scope, loser, why);
  }

  /** An instance may run, or is held. */
  arrive(scope: Scope, node: number): void {
    this.transitions.node(scope, node, READY);
    this.control.ready(scope, node);
    this.queue({ scope, node, weight: scope.template.nodes[node]!.weight });
  }

  /** In its place among what is ready, or kept while the execution is held. */
  queue(entry: Ready): void {
    const { scope, node } = entry;
    // What stood at a stop when its host died goes there, and no further.
    if (this.control.mayStart(scope, node) || this.facts.past?.steering.isStopped(pathOf(scope, node))) {
      this.launcher.ready.push(entry);
      return;
    }
    if (scope.state[node] === READY) this.transitions.node(scope, node, HELD);
    this.control.keep(entry);
  }

  #backOff(scope: Scope, node: PlanNode, attempt: number, error: RtError): boolean {
    const { retry } = node;
    if (!retry || !mayRetry(node, attempt, error)) return false;
    // What went out, or was read, cannot be had again.
    if (hasFlowed(scope, node)) return false;
    const { clock, random } = this.host;
    const wait = backoffMs(retry, attempt, random);
    this.transitions.node(scope, node.id, BACKOFF, error.code);
    this.journal?.timer(scope, node.id, clock.now() + wait);
    this.againAt(scope, node.id, clock.now() + wait);
    // Last: whoever hears of it may cancel, and must find the timer.
    this.recorder.nodeError(error, true, clock.now() + wait);
    return true;
  }

  /** The same instance once more, at that time. */
  againAt(scope: Scope, node: number, at: number): void {
    const again = (): void => {
      scope.timers.delete(node);
      this.arrive(scope, node);
      this.turn();
    };
    scope.timers.set(node, alarm(this.host.clock, at, again, { isSpan: true }));
  }

  /** One of the tokens that `target` waits for. */
  putToken(scope: Scope, from: number, target: number): void {
    const left = --scope.need[target]!;
    if (left === 0) this.#decide(scope, target);
    else if (scope.template.nodes[target]!.races && isWon(scope, target, from)) this.#decide(scope, target);
  }
}
