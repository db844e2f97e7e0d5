/** Executions that outlive their host: how they are put into the data folder, taken up again, and read when over. */
import type { Clock } from "@atomiton/events";

import type { BlobStore } from "../blobs/blob-store.ts";
import type { RuntimeState } from "../contract.ts";
import { RuntimeError, type RtError } from "../errors.ts";
import { readPast, readRecords, type OpenFile } from "../journal/data-folder.ts";
import type { ExecutionJournal } from "../journal/execution-journal.ts";
import { ExecutionStore, type Retention, type Unfinished } from "../journal/execution-store.ts";
import type { StoredFrom, StoredTarget } from "../journal/records.ts";
import { Reusable } from "../journal/reusable.ts";
import { loadValue, loadValues, storeValue, storeValues } from "../journal/stored-values.ts";
import { killLeftovers } from "../process/leftovers.ts";
import { inspectPast, type InspectedPast } from "./control/inspect-past.ts";
import type { InspectRequest } from "./control/inspect.ts";
import type { StandInOptions } from "./control/stand-ins.ts";
import { failureOf, type Execution } from "./execution.ts";
import { valueStore } from "./journal-writer.ts";
import type { Plan } from "./plan/plan.ts";
import type { BlueprintTarget } from "./plan/plans.ts";
import type { Values } from "./run/scope.ts";
import type { ExecutionHistory } from "./told/recorder.ts";
import { makeRedact } from "./values/redact.ts";

export interface KeeperOptions {
  readonly dir: string;
  readonly clock: Clock;
  readonly host: string;
  readonly blobs: BlobStore;
  readonly retention?: Retention | undefined;
  readonly openFile?: OpenFile | undefined;
}

interface Accepted {
  readonly id: string;
  readonly target: BlueprintTarget;
  readonly plan: Plan;
  readonly input: Values;
  readonly secrets: Readonly<Record<string, string>>;
  readonly priority: number;
  readonly deadline: number | undefined;
  readonly stopsAtEntry: boolean;
  readonly isDry: boolean;
  readonly standIns: StandInOptions | undefined;
  readonly from: StoredFrom | undefined;
}

/** What is needed of a list's entry here. */
interface Entry {
  readonly executionId: string;
  readonly state: string;
  readonly endedAt?: number | undefined;
  readonly error?: RtError | undefined;
  readonly blueprint: { readonly name: string };
}

/** What the next host needs of an execution beside its past. */
interface TakenUp {
  /** Undefined: its end is recorded. */
  readonly journal: ExecutionJournal | undefined;
  readonly input: Values;
  readonly standIns: StandInOptions | undefined;
}

interface Summary<E> {
  readonly entry: E;
  readonly snapshot: RuntimeState;
  readonly history: ExecutionHistory;
}

export class Keeper<E extends Entry> {
  readonly #options: KeeperOptions;
  #opening: Promise<ExecutionStore<E>> | undefined;
  #store: ExecutionStore<E> | undefined;
  readonly #finishing = new Set<Promise<void>>();

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Takes the folder, at the first call. Rejects with `LOCKED` when another host has it. */
  open(): Promise<ExecutionStore<E>> {
    this.#opening ??= ExecutionStore.open<E>(this.#options).then(
      (store) => (this.#store = store),
      (error: unknown) => {
        // The other host may go.
        this.#opening = undefined;
        throw error;
      },
    );
    return this.#opening;
  }

  /** The execution is on the disk when it resolves. */
  async begin(accepted: Accepted): Promise<ExecutionJournal> {
    const store = await this.open();
    const { id, target, plan, input, secrets, priority, deadline, stopsAtEntry, isDry, standIns, from } = accepted;
    const { blueprint } = plan;
    const values = valueStore(this.#options.blobs, makeRedact(secrets));
    const stored = await storeValues(input, values);
    return await store.begin(
      {
        k: "created",
        id,
        target: storable(target, blueprint.name),
        blueprint: { id: blueprint.id, name: blueprint.name, version: blueprint.version },
        planHash: plan.hash,
        input: stored,
        priority,
        ...(deadline === undefined ? {} : { deadline }),
        ...(stopsAtEntry ? { stopsAtEntry } : {}),
        ...(isDry ? { isDry } : {}),
        ...(from ? { from } : {}),
        ...(standIns ? { standIns: await storeValue(standIns, values) } : {}),
      },
      blueprint.policy.durability,
    );
  }

  /** Reads back what `past` names, checks that `plan` is the one it began with, and claims it. */
  async resume(left: Unfinished, plan: Plan): Promise<TakenUp> {
    const created = left.past.created!;
    if (plan.hash !== created.planHash) {
      throw new RuntimeError(
        "PLAN_CHANGED",
        `Cannot resume "${created.id}": its Blueprint "${created.blueprint.name}", or a node type that it uses, is another than when it began; put it back, or cancel the execution`,
        { executionId: created.id, planHash: created.planHash, found: plan.hash },
      );
    }
    const { blobs } = this.#options;
    const input = await loadValues(created.input, blobs);
    const standIns = created.standIns && ((await loadValue(created.standIns, blobs)) as StandInOptions);
    await left.past.load(blobs);
    const store = await this.open();
    await killLeftovers(created.id);
    return { journal: await store.claim(left, plan.blueprint.policy.durability), input, standIns };
  }

  /** Keeps what clients may ask of an execution that is over, when its end is on the disk. */
  finish(execution: Execution, entry: E): void {
    const work = (async () => {
      await execution.closeJournal();
      if (!execution.isEndStored) return;
      const history = execution.history();
      const { terminal } = history;
      // As it was told: no secret in an error reaches the disk.
      const told = terminal && "detail" in terminal ? { ...entry, error: terminal.detail } : entry;
      await this.#store?.finish(told, { snapshot: execution.snapshot(), history });
    })();
    this.#finishing.add(work);
    const done = (): void => void this.#finishing.delete(work);
    // A summary that could not be written is made again from the journal.
    work.then(done, done);
  }

  /** What a new execution may take over from one of this folder. Rejects with `UNKNOWN_EXECUTION`, `JOURNAL`. */
  async source(executionId: string): Promise<{ reusable: Reusable; input: Values }> {
    const place = await this.#placeOf(executionId, "run from");
    const reusable = await readRecords(place, new Reusable());
    return { reusable, input: await loadValues(reusable.created?.input ?? {}, this.#options.blobs) };
  }

  /** What was so at its record `request.at`. Rejects with `UNKNOWN_EXECUTION` too. */
  async inspectPast(executionId: string, request: InspectRequest): Promise<InspectedPast> {
    return await inspectPast(await this.#placeOf(executionId, "inspect"), request, this.#options.blobs);
  }

  async #placeOf(executionId: string, what: string): Promise<string> {
    const place = (await this.open()).placeOf(executionId);
    if (place !== undefined) return place;
    throw new RuntimeError(
      "UNKNOWN_EXECUTION",
      `Cannot ${what} "${executionId}": the data folder has no such execution, or has let it go`,
      { executionId },
    );
  }

  entries(): E[] {
    return this.#store?.finished() ?? [];
  }

  has(executionId: string): boolean {
    return this.#store?.has(executionId) ?? false;
  }

  /** Of an execution that an earlier host finished. */
  summary(executionId: string): Summary<E> | undefined {
    return this.#store?.read(executionId) as Summary<E> | undefined;
  }

  /** The outputs of a finished execution. Rejects as `Execution.wait`. */
  async result({ entry }: Summary<E>): Promise<Record<string, unknown>> {
    const { executionId, state, error, blueprint } = entry;
    if (state !== "completed") throw failureOf(executionId, blueprint.name, state, error!);
    const { terminal } = await readPast(this.#store!.placeOf(executionId)!);
    return await loadValues(terminal?.result ?? {}, this.#options.blobs);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#finishing);
    const store = await this.#opening?.catch(() => undefined);
    await store?.close();
  }
}

function storable(target: BlueprintTarget, name: string): StoredTarget {
  if (typeof target === "string") return target;
  if ("path" in target) return { path: target.path };
  if ("inline" in target) return { inline: target.inline };
  if (!target.file.startsWith("<")) return { path: target.file };
  throw new RuntimeError(
    "CONFIG",
    `Cannot keep an execution of "${name}" in the data folder: its Blueprint was given parsed, and has no file; give its text with { inline }`,
  );
}
