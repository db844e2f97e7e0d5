/** Values and behaviour that somebody gave with a run, in place of what nodes would do. */
import type { RtError } from "../../errors.ts";
import { RuntimeError } from "../../errors.ts";
import { mockCountOf } from "../../journal/past-steering.ts";
import { issuesText } from "../plan/expressions.ts";
import type { PlanNode, Template } from "../plan/plan.ts";
import type { Attempt } from "../run/attempt.ts";
import type { Values } from "../run/scope.ts";
import { emitItem } from "../streams/streams.ts";
import type { SteeringMemory } from "./breakpoints.ts";
import { nodeAt } from "./locate.ts";

/** Runs instead of a node. */
export interface Mocked {
  readonly outputs?: Values | undefined;
  readonly error?: RtError | undefined;
  /** Before it gives them. */
  readonly delayMs?: number | undefined;
  /** Attempts that it stands in for; then the node itself runs. Left out: all. */
  readonly times?: number | undefined;
}

/** By path: of one instance, or of a node in every item. */
export interface StandInOptions {
  readonly pins?: Readonly<Record<string, Values>> | undefined;
  readonly mocks?: Readonly<Record<string, Mocked>> | undefined;
}

const ITEMS = /\[[^\]]*\]/g;

export class StandIns {
  readonly #pins: ReadonlyMap<string, Values>;
  readonly #mocks: ReadonlyMap<string, Mocked>;
  readonly #used = new Map<string, number>();
  #memory: SteeringMemory = { past: undefined, counted: undefined };

  /** Throws `INVALID_INPUT` where a path, a port or a value does not fit the plan. */
  constructor(root: Template, { pins = {}, mocks = {} }: StandInOptions) {
    this.#pins = new Map(Object.entries(pins));
    this.#mocks = new Map(Object.entries(mocks));
    for (const [path, values] of this.#pins) check(root, "pin", path, values);
    for (const [path, { outputs, error }] of this.#mocks) {
      check(root, "mock", path, outputs ?? {});
      if (outputs && error) throw refusal("mock", path, "it gives outputs and an error; a node ends with one of them");
    }
  }

  /** Mocks that another host has used count as used. */
  remember(memory: SteeringMemory): void {
    this.#memory = memory;
    for (const path of this.#mocks.keys()) this.#used.set(path, memory.past?.counts.get(mockCountOf(path)) ?? 0);
  }

  /** Its outputs are not the node's own. */
  covers(path: string): boolean {
    const forItems = path.replace(ITEMS, "");
    return [this.#pins, this.#mocks].some((given) => given.has(path) || given.has(forItems));
  }

  /** What the instance is taken to have given: it does not run. */
  pinOf(path: string): Values | undefined {
    return this.#pins.size === 0 ? undefined : (this.#pins.get(path) ?? this.#pins.get(path.replace(ITEMS, "")));
  }

  /** What runs instead of the node, in this attempt. */
  mockOf(path: string, attempt: number): Mocked | undefined {
    if (this.#mocks.size === 0) return undefined;
    const own = this.#mocks.has(path) ? path : path.replace(ITEMS, "");
    const mock = this.#mocks.get(own);
    const { past, counted } = this.#memory;
    if (mock?.times === undefined || past?.hasCounted(path, attempt, mockCountOf(own))) return mock;
    const used = this.#used.get(own) ?? 0;
    if (used >= mock.times) return undefined;
    this.#used.set(own, used + 1);
    counted?.(path, attempt, mockCountOf(own), used + 1);
    return mock;
  }
}

/** Ends the attempt as the mock says. */
export function runMock(attempt: Attempt, { outputs = {}, error, delayMs }: Mocked): void {
  const { clock } = attempt.scheduler.host;
  const { signal, node, path, number } = attempt;
  const end = async (): Promise<void> => {
    if (attempt.isOver) return;
    if (error) {
      attempt.failed({ ...error, path, attempt: number });
      return;
    }
    const values = { ...outputs };
    for (const port of node.kind === "node" ? node.streams : []) {
      for (const item of (values[port] ?? []) as unknown[]) await emitItem(attempt, port, item);
      delete values[port];
    }
    attempt.succeed(values);
  };
  const failed = (reason: unknown): void => attempt.fail(reason);
  if (delayMs === undefined) {
    end().catch(failed);
    return;
  }
  const takeBack = clock.after(delayMs, () => {
    signal.removeEventListener("abort", onAbort);
    end().catch(failed);
  });
  const onAbort = (): void => {
    takeBack();
    failed(signal.reason);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
}

function check(root: Template, what: string, path: string, values: Values): void {
  const node = nodeAt(root, path);
  if (!node) throw refusal(what, path, "the Blueprint has no such node");
  for (const [port, value] of Object.entries(values)) checkPort(node, what, path, port, value);
}

function checkPort({ outputs }: PlanNode, what: string, path: string, port: string, value: unknown): void {
  const output = outputs.get(port);
  if (!output)
    throw refusal(what, path, `it has no output "${port}"; it has ${[...outputs.keys()].join(", ") || "none"}`);
  if (output.mode === "stream") {
    if (!Array.isArray(value)) throw refusal(what, path, `"${port}" is a stream; give the list of its items`);
    return;
  }
  const checked = output.schema.safeParse(value);
  if (!checked.success) throw refusal(what, path, `"${port}": ${issuesText(checked.error.issues)}`);
}

function refusal(what: string, path: string, why: string): RuntimeError {
  return new RuntimeError("INVALID_INPUT", `Cannot ${what} "${path}": ${why}`, { path });
}
