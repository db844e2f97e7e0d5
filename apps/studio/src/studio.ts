/** What a person can do here, and what the host's answers do to the store. Knows no React and no DOM. */
import type { Frames } from "./frame.ts";
import { gather } from "./frame.ts";
import type { BlueprintInfo, Host } from "./host/host.ts";
import type { Address } from "./model/address.ts";
import { fold, isTerminal, newExecution, withGap, type Execution, type ExecutionEvent } from "./model/execution.ts";
import { fieldsOf, initialOf, readForm } from "./model/form.ts";
import type { Player } from "./recording/player.ts";
import { Steering, type Keep } from "./steering.ts";
import type { Refusal, StudioState, StudioStore } from "./store.ts";

export interface StudioOptions {
  readonly host: Host;
  readonly store: StudioStore;
  readonly frames: Frames;
  readonly address: Address;
  /** The view changed: what its address is now. */
  readonly onView: (view: { open: string | undefined; execution: string | undefined }) => void;
  readonly now: () => number;
  /** Keeps breakpoints over a reload. Left out: they go with the page. */
  readonly keep?: Keep | undefined;
  /** Given where the host is a recording. */
  readonly player?: Player | undefined;
}

/** Executions of the list that the page holds. */
const RECENT_LIMIT = 50;
/** A smaller change of the clocks' difference is not worth an update of the page. */
const CLOCK_STEP_MS = 20;
/** Among events: what came before it is void. */
class Restart {
  readonly from: Execution | undefined;
  constructor(from?: Execution) {
    this.from = from;
  }
}

export class Studio {
  /** Moves through the recording; undefined with a host that runs things. */
  readonly player: Player | undefined;
  /** Undefined with a recording. */
  readonly bus: Host["bus"];
  /** What is asked of the execution in view. */
  readonly steering: Steering;
  private readonly host: Host;
  private readonly store: StudioStore;
  private readonly options: StudioOptions;
  private readonly stops: (() => void)[] = [];
  private unwatch: (() => void) | undefined;
  private notices = 0;
  private mayAutoRun: boolean;
  /** The watch in view ended because its link did: begin it again with the next one. */
  private isCutOff = false;

  constructor(options: StudioOptions) {
    this.options = options;
    this.host = options.host;
    this.bus = options.host.bus;
    this.player = options.player;
    this.store = options.store;
    this.steering = new Steering({
      host: options.host,
      store: options.store,
      notify: (text) => this.notify(text),
      select: (path, instance) => this.select(path, instance),
      change: (executionId, by) => this.change(executionId, by),
      ...(options.keep === undefined ? {} : { keep: options.keep }),
    });
    this.mayAutoRun = options.address.run;
  }

  /** Connects the store with the host and shows what the address names, as soon as there is a link. */
  start(): void {
    const { open, execution } = this.options.address;
    this.set({
      openId: open,
      blueprint: open === undefined ? { at: "nothing" } : { at: "loading" },
      executionId: execution,
      isAttaching: execution !== undefined,
    });
    this.isCutOff = execution !== undefined;
    this.steering.open(open);
    if (this.player !== undefined) this.stops.push(this.player.onView((recording) => this.set({ recording })));
    this.stops.push(
      this.host.onLibraryChange((what, ids) => this.onLibraryChange(what, ids)),
      this.host.onLink((link) => {
        const wasLive = this.state.link.at === "live";
        const { clockAheadMs = 0, leftAt } = this.state;
        const isLive = link.at === "live";
        this.set({ link, leftAt: isLive ? undefined : wasLive ? this.options.now() - clockAheadMs : leftAt });
        if (isLive && !wasLive) this.onLive();
      }),
    );
  }

  /** A link, the first or another one: what changed while nobody listened is asked for. */
  private onLive(): void {
    const { openId, executionId } = this.state;
    void this.steering.askRights();
    void this.loadBlueprints();
    void this.loadExecutions();
    if (openId !== undefined) void this.load(openId).then(() => this.autoRun(openId));
    if (executionId !== undefined && this.isCutOff) this.watch(executionId);
  }

  close(): void {
    this.unwatch?.();
    for (const stop of this.stops.splice(0)) stop();
    this.host.close();
  }

  /** A person looks at the page again: files may have changed meanwhile. */
  lookAgain(): void {
    if (this.state.link.at !== "live") return;
    void this.loadBlueprints();
    if (this.state.openId !== undefined) void this.load(this.state.openId);
  }

  reconnect(): void {
    this.host.reconnect();
  }

  /** Opens a Blueprint; the execution in view goes, unless it is this Blueprint's. */
  async open(id: string, { keepExecution = false }: { keepExecution?: boolean } = {}): Promise<void> {
    const { execution } = this.state;
    const isItsRun = execution?.started?.blueprint.id === id;
    if (!keepExecution && !isItsRun) this.stopWatching();
    this.set({ openId: id, blueprint: { at: "loading" }, selected: undefined, instance: undefined });
    this.steering.open(id);
    this.tellView();
    await this.load(id);
  }

  /** Runs what is open: asks for inputs first where there are any. */
  run(): void {
    const { blueprint } = this.state;
    if (blueprint.at !== "here") return;
    if (blueprint.value.inputs.length > 0) this.set({ isAsking: true, refusal: undefined });
    else this.execute({});
  }

  closeForm(): void {
    this.set({ isAsking: false, refusal: undefined });
  }

  /** The form, where it was asked for in one, stays until the run has begun: what the host refuses is said in it. */
  execute(input: Record<string, unknown>): void {
    const { openId, isStarting } = this.state;
    if (openId === undefined || isStarting) return;
    this.set({ refusal: undefined, notice: undefined, selected: undefined });
    const executionId = this.host.execute(openId, input, this.steering.forRun());
    this.watch(executionId);
    this.set({ isStarting: true });
  }

  async cancel(): Promise<void> {
    const { executionId, isCancelling } = this.state;
    if (executionId === undefined || isCancelling) return;
    this.set({ isCancelling: true });
    try {
      await this.host.cancel(executionId);
    } catch (error) {
      this.notify(`It was not cancelled: ${messageOf(error)}`);
    } finally {
      this.set({ isCancelling: false });
    }
  }

  /** Shows an execution, and its Blueprint. */
  showExecution(executionId: string): void {
    const info = this.state.executions.find((candidate) => candidate.executionId === executionId);
    this.watch(executionId);
    if (info !== undefined && info.blueprint.id !== this.state.openId) {
      void this.open(info.blueprint.id, { keepExecution: true });
    }
  }

  /** Back to the Blueprint alone. */
  leaveExecution(): void {
    this.stopWatching();
    this.tellView();
  }

  select(path: string | undefined, instance?: string): void {
    this.set({ selected: path, instance });
  }

  download(blob: string): Promise<Blob> {
    return this.host.download(blob);
  }

  notify(text: string): void {
    this.notices += 1;
    this.set({ notice: { id: this.notices, text } });
  }

  dismiss(): void {
    this.set({ notice: undefined });
  }

  private get state(): StudioState {
    return this.store.getState();
  }
  private set(change: Partial<StudioState>): void {
    this.store.setState(change);
  }

  private tellView(): void {
    const { openId, executionId } = this.state;
    this.options.onView({ open: openId, execution: executionId });
  }

  private onLibraryChange(what: "blueprints" | "executions", ids: readonly string[]): void {
    if (what === "executions") {
      void this.loadExecutions();
      return;
    }
    void this.loadBlueprints();
    const { openId } = this.state;
    if (openId !== undefined && (ids.length === 0 || ids.includes(openId))) void this.load(openId);
  }

  private async loadBlueprints(): Promise<void> {
    try {
      this.set({ blueprints: { at: "here", value: await this.host.blueprints() } });
    } catch (error) {
      if (this.state.blueprints.at !== "here") this.set({ blueprints: { at: "failed", message: messageOf(error) } });
    }
  }

  private async loadExecutions(): Promise<void> {
    try {
      const all = await this.host.executions();
      const newestFirst = all.toSorted((a, b) => (b.startedAt ?? Infinity) - (a.startedAt ?? Infinity));
      this.set({ executions: newestFirst.slice(0, RECENT_LIMIT) });
    } catch (error) {
      if (this.state.link.at === "live") this.notify(`The executions could not be read: ${messageOf(error)}`);
    }
  }

  private async load(id: string): Promise<void> {
    let loaded: StudioState["blueprint"];
    try {
      loaded = { at: "here", value: await this.host.blueprint(id) };
    } catch (error) {
      loaded = { at: "failed", message: messageOf(error) };
    }
    const { openId, blueprint } = this.state;
    if (openId !== id) return;
    // The same again would lay the graph out anew under a person's eyes.
    if (loaded.at === "here" && blueprint.at === "here" && isSame(loaded.value, blueprint.value)) return;
    this.set({ blueprint: loaded });
  }

  /** Once, for the Blueprint that the address named: a person who went elsewhere meanwhile is not surprised. */
  private autoRun(id: string): void {
    const { blueprint, openId } = this.state;
    if (!this.mayAutoRun || blueprint.at !== "here") return;
    this.mayAutoRun = false;
    if (openId !== id || blueprint.value.errors > 0) return;
    const fields = fieldsOf(blueprint.value.inputs);
    const read = readForm(fields, initialOf(fields));
    // An input without a default must be typed by somebody.
    if (read.ok) this.execute(read.input);
    else this.set({ isAsking: true });
  }

  private stopWatching(): void {
    this.unwatch?.();
    this.unwatch = undefined;
    this.isCutOff = false;
    this.set({ executionId: undefined, execution: undefined, isAttaching: false, isStarting: false });
    this.steering.leave();
  }

  private watch(executionId: string): void {
    if (this.state.executionId === executionId && this.unwatch !== undefined && !this.isCutOff) return;
    this.unwatch?.();
    this.isCutOff = false;
    const { execution } = this.state;
    // Seen before the link went: it stays in view until the host has told it anew.
    const isKnown = execution?.id === executionId;
    this.set({
      executionId,
      isAttaching: true,
      ...(isKnown ? {} : { execution: newExecution(executionId), instance: undefined }),
    });
    this.tellView();

    const events = gather<ExecutionEvent | Restart>(this.options.frames, (batch) => {
      this.change(executionId, (before) => {
        const at = batch.findLastIndex((item) => item instanceof Restart);
        const restart = at < 0 ? undefined : (batch[at] as Restart);
        const anew = restart && (restart.from ?? { ...newExecution(executionId), missed: before.missed });
        return fold(anew ?? before, batch.slice(at + 1) as ExecutionEvent[]);
      });
      this.openItsBlueprint();
    });
    if (isKnown) events.add([new Restart()]);
    const stop = this.host.watch(executionId, {
      hear: (batch) => {
        if (this.player === undefined) this.setClock(batch);
        events.add(batch);
      },
      onRestart: (from) => events.add([new Restart(from)]),
      onGap: (count) => {
        events.flush();
        this.change(executionId, (before) => withGap(before, count));
      },
      onFault: (error) => {
        events.flush();
        this.onFault(executionId, error);
      },
    });
    this.unwatch = () => {
      stop();
      events.close();
    };
  }

  private onFault(executionId: string, error: Error): void {
    const { execution } = this.state;
    if (execution?.id !== executionId) return;
    if ("code" in error && error.code === "CLOSED") {
      this.isCutOff = true;
      return;
    }
    const wasAsked = this.state.isAsking && this.state.isStarting;
    this.leaveExecution();
    if (wasAsked) this.set({ refusal: refusalOf(error) });
    else this.notify(error.message);
  }

  private change(executionId: string, by: (before: Execution) => Execution): void {
    const { execution } = this.state;
    if (execution?.id !== executionId) return;
    const after = by(execution);
    const { isAttaching, isStarting, isAsking } = this.state;
    // A refusal is told as an event as well, before its reply: the run has not begun with it.
    if (after !== execution || (isAttaching && !isStarting))
      this.set({ execution: after, isAttaching: false, isStarting: false, isAsking: isAsking && !isStarting });
    if (after !== execution) this.steering.onChange(execution, after);
    if (!isTerminal(execution.state) && isTerminal(after.state)) void this.loadExecutions();
  }

  /** An address may name an execution alone. */
  private openItsBlueprint(): void {
    const { openId, execution } = this.state;
    const id = execution?.started?.blueprint.id;
    if (openId === undefined && id !== undefined) void this.open(id, { keepExecution: true });
  }

  /** The least difference ever seen is the clocks' own; the rest is the way here, or an event from before. */
  private setClock(batch: readonly ExecutionEvent[]): void {
    const last = batch.at(-1)?.data;
    if (last === undefined || !("ts" in last)) return;
    const ahead = this.options.now() - last.ts;
    const known = this.state.clockAheadMs;
    if (known === undefined || ahead < known - CLOCK_STEP_MS) this.set({ clockAheadMs: ahead });
  }
}

const isSame = (a: BlueprintInfo, b: BlueprintInfo): boolean => JSON.stringify(a) === JSON.stringify(b);

/** The host names the inputs in the error's details. */
function refusalOf(error: Error): Refusal {
  const problems = (error as { details?: { problems?: unknown } }).details?.problems;
  const messages = new Map<string, string>();
  for (const problem of Array.isArray(problems) ? (problems as Record<string, unknown>[]) : []) {
    const { input, message } = problem ?? {};
    if (typeof input === "string" && typeof message === "string" && !messages.has(input)) messages.set(input, message);
  }
  return { messages: Object.fromEntries(messages), text: error.message };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
