/** An execution of a random Blueprint, steered at random, over hosts that die or are closed at random. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { openBlobStore } from "../../src/blobs/blob-store.ts";
import type { Breakpoint, RuntimeMessage, WaitInfo } from "../../src/contract.ts";
import { Runtime } from "../../src/runtime.ts";
import { toBlueprint } from "./blueprint.ts";
import { dice, type Dice } from "./dice.ts";
import { LossyDisk } from "./lossy-disk.ts";
import type { ScopeSpec } from "./specs.ts";
import { catalog, World, worlds } from "./world.ts";

const MAIN = "main.blueprint.json";
/** With three an instance would be POISON. */
const DEATHS = 2;
/** Moves until a host is said to stand still. */
const MOVES = 5_000;
const HOUR_MS = 3_600_000;
const STRIDE_MS = 40;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export interface End {
  /** By path. */
  readonly states: Record<string, string>;
  readonly result: unknown;
}

export class Player {
  readonly world: World;
  readonly seen = new Set<string>();
  readonly story: string[] = [];
  /** What may not be, whatever the Blueprint. */
  readonly faults: string[] = [];
  readonly #id: string;
  readonly #roll: Dice;
  readonly #folder: string;
  readonly #isSteered: boolean;
  readonly #deaths: number;
  #isClosedOnce: boolean;
  /** Moves until it is cancelled, over all hosts. */
  #cancelIn: number;

  constructor(seed: number, folder: string, isCancelled: boolean) {
    this.#roll = dice(seed * 7_919 + 1);
    this.#id = `run-${seed}${isCancelled ? "-cancelled" : ""}`;
    this.#folder = folder;
    this.world = new World(seed);
    this.#isSteered = this.#roll(3) > 0;
    this.#deaths = this.#roll(DEATHS + 1);
    this.#isClosedOnce = this.#roll(4) > 0;
    this.#cancelIn = isCancelled ? this.#roll(25) : Infinity;
  }

  close(): void {
    worlds.delete(this.#id);
  }

  /** How it ended; a text: that it did not. */
  async run(spec: ScopeSpec): Promise<End | string> {
    worlds.set(this.#id, this.world);
    const files = new Map<string, object>();
    const blueprint = toBlueprint(spec, files);
    const dir = join(this.#folder, "files");
    await mkdir(dir);
    files.set(MAIN, blueprint);
    for (const [name, content] of files) await writeFile(join(dir, name), JSON.stringify(content));
    // Deaths fall where records are: small runs have few.
    const records = 4 + JSON.stringify(blueprint).length / 60;
    for (let death = 0; ;) {
      const dieAt = death < this.#deaths ? 3 + this.#roll(records) : Infinity;
      const disk = new LossyDisk(dieAt, this.#roll(4));
      const end = await this.#live(dir, disk);
      if (end !== "died" && end !== "closed") return end;
      this.seen.add(end);
      this.#say(`the host ${end}`);
      if (end === "died") death++;
      await this.world.clock.move(this.#roll(50));
    }
  }

  async #live(dir: string, disk: LossyDisk): Promise<End | string> {
    const { world } = this;
    world.isDead = false;
    disk.onDeath = () => (world.isDead = true);
    const blobs = openBlobStore({ memory: true });
    const runtime = new Runtime({
      dir,
      dataDir: join(this.#folder, "data"),
      catalog,
      clock: world.clock,
      random: () => 0.5,
      openJournal: disk.open,
      onUnknown: "ask",
      blobs,
    });
    const heard = new Heard((what) => this.#say(what));
    runtime.on(heard.hear);
    try {
      if (world.life++ === 0)
        await runtime.execute({ path: MAIN }, {}, { executionId: this.#id, breakpoints: this.#breakpoints() });
      else
        for (const { error } of await runtime.recover())
          if (error) return `cannot recover: ${(error as Error).message}`;
      const end = await this.#drive(runtime, disk);
      if (typeof end !== "string") this.faults.push(...(await leftBy(runtime, this.#id, heard)));
      return end;
    } finally {
      await runtime.close();
      await blobs.close();
    }
  }

  async #drive(runtime: Runtime, disk: LossyDisk): Promise<End | string> {
    const roll = this.#roll;
    let end: End | undefined;
    const over = (result?: unknown): void => void (end = { states: statesOf(runtime, this.#id), result });
    void runtime.waitForCompletion(this.#id).then(over, () => over());
    const closesAt = this.#isClosedOnce ? Infinity : roll(30);
    for (let move = 0; move < MOVES; move++) {
      for (let turns = 1 + roll(3); turns > 0; turns--) await turn();
      // Time stands while the disk works: else how fast it is would decide what times out.
      while (disk.isBusy && !disk.isDead) await turn();
      if (disk.isDead) return "died";
      if (end) return end;
      if (move >= closesAt && !this.#isClosedOnce) {
        this.#isClosedOnce = true;
        // What a host does not reach any more when it is told to go.
        this.world.isDead = true;
        return "closed";
      }
      if (this.#cancelIn-- === 0) {
        this.#say("cancel");
        void runtime.cancel(this.#id).catch(() => {});
      } else this.#steer(runtime);
      const { untilNext = Infinity } = this.world.clock;
      this.#answer(runtime, untilNext > HOUR_MS);
      // In short strides: what the engine prepares in a few turns takes no part of an attempt's time.
      if (untilNext < HOUR_MS) await this.world.clock.move(Math.min(untilNext, STRIDE_MS));
    }
    return `stands still: ${runtime.execution(this.#id).state} ${JSON.stringify(statesOf(runtime, this.#id))}`;
  }

  #say(what: string): void {
    this.story.push(`${this.world.clock.now() % 1_000_000} ${what}`);
  }

  #breakpoints(): Breakpoint[] {
    if (!this.#isSteered) return [];
    return Array.from({ length: this.#roll(4) }, (_, at) => ({
      id: `b${at}`,
      at: (["before", "after", "error", "edge"] as const)[this.#roll(4)]!,
      path: `n${this.#roll(6)}`,
      suspend: this.#roll(2) === 0 ? ("all" as const) : ("scope" as const),
      enabled: true,
    }));
  }

  #steer(runtime: Runtime): void {
    const control = runtime.control(this.#id);
    const { state } = control;
    if (!["running", "pausing", "paused"].includes(state)) return;
    const what = this.#isSteered ? this.#roll(12) : 11;
    const name = what < 1 ? "pause" : what < 2 ? "pause now" : what < 4 && state === "paused" ? "step" : "resume";
    // Stops of one instance alone leave the execution running.
    if (name === "resume" && what >= 8 && this.#isSteered) return;
    this.seen.add(`${name} while ${state}`);
    if (name !== "resume" || state !== "running") this.#say(name);
    try {
      if (name === "pause") control.pause();
      else if (name === "pause now") control.pause("now");
      else if (name === "step") control.step((["over", "into", "out"] as const)[this.#roll(3)]!);
      else control.resume();
    } catch (error) {
      // Nothing to step.
      if ((error as { code?: string }).code !== "E_STATE") throw error;
    }
  }

  /** Says of waits what is to be said; `must`: nothing else will happen. */
  #answer(runtime: Runtime, must: boolean): void {
    for (const { waitId, path, prompt, schema } of waitsOf(runtime, this.#id)) {
      if (!must && this.#roll(3) > 0) continue;
      const isDoubt = JSON.stringify(schema ?? null).includes("rerun");
      if (isDoubt) {
        this.seen.add("write in doubt");
        runtime.control(this.#id).answer(waitId, this.world.acts.has(path) ? "done" : "rerun");
      } else if (prompt !== undefined) runtime.control(this.#id).answer(waitId, Number(prompt));
    }
  }
}

/** The events of one host. */
class Heard {
  readonly #say: (what: string) => void;
  /** Of those that are numbered. */
  readonly numbers: number[] = [];
  terminals = 0;
  /** After the terminal one. */
  late = 0;

  constructor(say: (what: string) => void) {
    this.#say = say;
  }

  readonly hear = ({ type, data }: RuntimeMessage): void => {
    if (this.terminals > 0) this.late++;
    if (type === "runtime:completed" || (type === "runtime:error" && data.terminal)) this.terminals++;
    if (!UNNUMBERED.has(type) && "seq" in data) this.numbers.push(data.seq);
    if (type === "runtime:error") this.#say(`${data.path ?? "execution"}: ${data.code} ${data.error}`);
    if (type !== "runtime:state") return;
    for (const { path, s, a } of data.nodes ?? []) this.#say(`${path}#${a} ${s}`);
    if (data.state) this.#say(`execution ${data.state}`);
  };
}

const UNNUMBERED: ReadonlySet<string> = new Set([
  "runtime:log",
  "runtime:progress",
  "runtime:inspect",
  "runtime:result",
]);

/** What an execution that is over has left, and what it has told wrongly. */
async function leftBy(runtime: Runtime, id: string, { numbers, ...heard }: Heard): Promise<string[]> {
  for (let turns = 5; turns > 0; turns--) await turn();
  const { running, waitingForSlot, locks } = runtime.gauge();
  const { scopes } = runtime.execution(id);
  const left = Object.entries({ running, waitingForSlot, locks, scopes, late: heard.late });
  return [
    ...left.flatMap(([what, count]) => (count ? [`${what}: ${count} when it was over`] : [])),
    ...(heard.terminals === 1 ? [] : [`${heard.terminals} terminal events`]),
    ...(numbers.every((seq, at) => at === 0 || seq === numbers[at - 1]! + 1) ? [] : [`numbers: ${numbers.join()}`]),
  ];
}

const waitsOf = (runtime: Runtime, id: string): readonly WaitInfo[] =>
  (runtime.snapshot(id) as { waits?: WaitInfo[] }).waits ?? [];

const statesOf = (runtime: Runtime, id: string): Record<string, string> =>
  Object.fromEntries(
    (runtime.snapshot(id) as { nodes: { path: string; s: string }[] }).nodes.map(({ path, s }) => [path, s]),
  );
