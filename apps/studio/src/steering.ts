/**
 * What a person asks of the execution in view: pause, step, breakpoints, values at a stop, answers, configuration.
 *
 * Rules: (1) only what the host says is shown as done; (2) breakpoints are a list of this page and its Blueprint, and
 * the host gets the whole list at every change; a run that was begun elsewhere gets it with the first change; (3) the
 * values of a stop that this page did not hear of are asked for once.
 */
import type { ConfigReply, InspectReply, InspectTarget } from "@atomiton/runtime/client";
import type { Breakpoint, Val } from "@atomiton/runtime/contract";

import type { Host, NodeTypeInfo, Steered } from "./host/host.ts";
import { readStop } from "./host/read-stop.ts";
import {
  find,
  newBreakpoint,
  plain,
  readKept,
  withBreakpoint,
  withVerdicts,
  type BreakpointPlace,
  type KnownBreakpoint,
} from "./model/breakpoints.ts";
import { isTerminal, type Execution } from "./model/execution.ts";
import { nodePathOf } from "./model/path.ts";
import { whyNot, type Action } from "./model/steer.ts";
import { withValues } from "./model/stops.ts";
import type { StudioState, StudioStore } from "./store.ts";

/** Texts by key, kept over a reload. */
export interface Keep {
  read(key: string): string | undefined;
  write(key: string, text: string): void;
}

export interface SteeringOptions {
  readonly host: Host;
  readonly store: StudioStore;
  readonly notify: (text: string) => void;
  /** Shows a node, and one of its instances, in detail. */
  readonly select: (path: string, instance: string) => void;
  readonly change: (executionId: string, by: (before: Execution) => Execution) => void;
  readonly keep?: Keep;
}

/** What can be read of a node's configuration, and the hash to change it by. */
export interface NodeConfig {
  readonly schema: Readonly<Record<string, unknown>>;
  readonly config: unknown;
  readonly hash: string;
}

const keyOf = (blueprintId: string): string => `atomiton:breakpoints:${blueprintId}`;

export class Steering {
  private readonly options: SteeringOptions;
  private types: readonly NodeTypeInfo[] | undefined;
  /** Stops whose values were asked for. */
  private readonly asked = new Set<string>();
  /** Keys that were changed here, by path: a configuration that is not resolved yet cannot be read back. */
  private readonly changed = new Map<string, Readonly<Record<string, unknown>>>();
  /** The wait that an answer is on its way to. */
  private answered: string | undefined;
  /** The run was begun here with breakpoints: their verdicts are asked for with its first word. */
  private isToldLater = false;

  constructor(options: SteeringOptions) {
    this.options = options;
  }

  async askRights(): Promise<void> {
    try {
      this.set({ rights: await this.options.host.rights() });
    } catch {
      // The link broke meanwhile: the next one asks again.
    }
  }

  /** Another Blueprint, with the breakpoints that were set in it before. */
  open(blueprintId: string | undefined): void {
    const { keep } = this.options;
    const kept = blueprintId === undefined ? [] : readKept(keep?.read(keyOf(blueprintId)));
    this.set({ breakpoints: kept, editing: undefined });
  }

  /** No execution is in view any more. */
  leave(): void {
    this.asked.clear();
    this.changed.clear();
    this.isToldLater = false;
    this.set({ answering: undefined, configuring: undefined, breakpoints: plain(this.state.breakpoints) });
  }

  /** The breakpoints that a run begins with. */
  forRun(): readonly Breakpoint[] {
    const { rights, breakpoints } = this.state;
    const list = rights.debug ? plain(breakpoints) : [];
    this.isToldLater = list.length > 0;
    return list;
  }

  /** The execution in view has moved on. */
  onChange(before: Execution, after: Execution): void {
    if (this.isToldLater && after.state !== "queued" && !isTerminal(after.state)) {
      this.isToldLater = false;
      void this.tell();
    }
    for (const stop of after.stops.values()) {
      if (stop.values === undefined) void this.look(after.id, stop.stopId);
      // What stands still is what a person waits for: it is looked at, unless they look at another stop already.
      if (!before.stops.has(stop.stopId) && before.stops.size === 0)
        this.options.select(nodePathOf(stop.path), stop.path);
    }
    const { answering } = this.state;
    if (answering === undefined || after.waits === before.waits) return;
    if (after.waits.some(({ waitId }) => waitId === answering)) return;
    this.set({ answering: undefined });
    // Answered here: the reply says whether it was taken.
    if (this.answered !== answering)
      this.options.notify("This question is closed: it was answered elsewhere, its time was over, or its run ended.");
  }

  /** Asks for it where the state allows it; what the host refuses is said. */
  async act(action: Action, stopId?: string): Promise<void> {
    const { execution, rights, isSteering, link } = this.state;
    if (execution === undefined || !rights.control || isSteering) return;
    if (whyNot(action, execution, link.at === "live") !== undefined) return;
    this.set({ isSteering: true });
    try {
      await ask(this.steered(), action, stopId);
    } catch (error) {
      this.options.notify(messageOf(error));
    } finally {
      this.set({ isSteering: false });
    }
  }

  /** Sets a breakpoint with what is usual, or takes it away. */
  toggle(path: string, at: BreakpointPlace): void {
    const known = find(this.state.breakpoints, path, at);
    if (known === undefined) this.put(newBreakpoint(path, at, this.state.breakpoints));
    else this.remove(known.id);
  }

  put(breakpoint: Breakpoint): void {
    this.setAll(withBreakpoint(this.state.breakpoints, breakpoint));
  }

  enable(id: string, enabled: boolean): void {
    this.setAll(this.state.breakpoints.map((known) => (known.id === id ? { ...known, enabled } : known)));
  }

  remove(id: string): void {
    this.setAll(this.state.breakpoints.filter((known) => known.id !== id));
  }

  edit(path: string, at: BreakpointPlace): void {
    this.set({ editing: { path, at } });
  }

  closeEdit(): void {
    this.set({ editing: undefined });
  }

  /** Rejects with what the host says. */
  override(stopId: string, port: string, value: unknown): Promise<void> {
    return this.steered().override(stopId, port, value);
  }

  evaluate(stopId: string, expression: string): Promise<InspectReply> {
    return this.steered().inspect({ eval: expression, stopId });
  }

  /** A part of a value that was too large to send. */
  read(target: InspectTarget, range: { start: number; count: number }): Promise<InspectReply> {
    return this.steered().inspect(target, { range });
  }

  /** What came into an instance. Rejects where nothing did. */
  async input(path: string, port: string): Promise<Val> {
    return (await this.steered().inspect({ path, what: "in", port })).value;
  }

  get canRead(): boolean {
    const { execution } = this.state;
    return execution !== undefined && this.options.host.steer(execution.id) !== undefined;
  }

  openAnswer(waitId: string | undefined): void {
    this.set({ answering: waitId });
  }

  /** Resolves with what the host has against it; undefined where it took the answer. */
  async answer(waitId: string, value: unknown): Promise<string | undefined> {
    this.answered = waitId;
    try {
      await this.steered().answer(waitId, value);
      if (this.state.answering === waitId) this.set({ answering: undefined });
      return undefined;
    } catch (error) {
      // The form is closed where somebody else was faster.
      if (this.state.answering !== waitId) this.options.notify(messageOf(error));
      return messageOf(error);
    } finally {
      this.answered = undefined;
    }
  }

  openConfig(path: string | undefined): void {
    this.set({ configuring: path });
  }

  /** The node's schema, what is set now, and the hash of it. */
  async config(path: string, uses: string, inFile: unknown): Promise<NodeConfig> {
    this.types ??= await this.options.host.nodes();
    const type = this.types.find((known) => known.type === uses.replace(/@.*$/, ""));
    const steered = this.steered();
    const { configHash: hash } = await steered.configure(path, []);
    const now = await steered.inspect({ path, what: "config" }).catch(() => undefined);
    const read = now?.value.t === "json" && now.value.v !== null ? now.value.v : inFile;
    const own = this.changed.get(path) ?? {};
    const config = typeof read === "object" && read !== null ? { ...read, ...own } : own;
    return { schema: type?.config ?? {}, config, hash };
  }

  /** Rejects with what the host says: with E_STATE where somebody else was faster. */
  async configure(
    path: string,
    patch: Parameters<Steered["configure"]>[1],
    hash: string,
    values: Readonly<Record<string, unknown>>,
  ): Promise<ConfigReply["applied"]> {
    const { applied } = await this.steered().configure(path, patch, hash);
    this.changed.set(path, { ...this.changed.get(path), ...values });
    return applied;
  }

  private get state(): StudioState {
    return this.options.store.getState();
  }
  private set(change: Partial<StudioState>): void {
    this.options.store.setState(change);
  }

  private steered(): Steered {
    const { executionId } = this.state;
    const steered = executionId === undefined ? undefined : this.options.host.steer(executionId);
    if (steered === undefined) throw new Error("No run is in view that could be asked.");
    return steered;
  }

  private setAll(breakpoints: readonly KnownBreakpoint[]): void {
    const { openId, execution } = this.state;
    this.set({ breakpoints });
    if (openId !== undefined) this.options.keep?.write(keyOf(openId), JSON.stringify(plain(breakpoints)));
    if (execution !== undefined && !isTerminal(execution.state)) void this.tell();
  }

  /** The host gets the whole list, and says of each whether it stands. */
  private async tell(): Promise<void> {
    const { breakpoints } = this.state;
    try {
      const verdicts = await this.steered().setBreakpoints(plain(breakpoints));
      if (this.state.breakpoints === breakpoints) this.set({ breakpoints: withVerdicts(breakpoints, verdicts) });
    } catch (error) {
      if (!hasEnded(this.state)) this.options.notify(`The breakpoints were not set: ${messageOf(error)}`);
    }
  }

  private async look(executionId: string, stopId: string): Promise<void> {
    if (this.asked.has(stopId)) return;
    this.asked.add(stopId);
    try {
      const values = await readStop(this.steered(), stopId);
      this.options.change(executionId, (before) => ({
        ...before,
        stops: withValues(before.stops, stopId, values),
      }));
    } catch {
      // It is over by now, or the link broke: the stop itself is told anew then.
      this.asked.delete(stopId);
    }
  }
}

function ask(steered: Steered, action: Action, stopId: string | undefined): Promise<unknown> {
  switch (action) {
    case "pause":
      return steered.pause("drain");
    case "pauseNow":
      return steered.pause("now");
    case "resume":
      return steered.resume(stopId);
    case "over":
    case "into":
    case "out":
      return steered.step(action, stopId);
  }
}

const hasEnded = ({ execution }: StudioState): boolean => execution === undefined || isTerminal(execution.state);
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
