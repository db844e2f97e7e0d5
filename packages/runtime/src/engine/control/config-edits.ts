/**
 * Configuration that was changed while its execution runs. Rules:
 * 1. An edit holds for one instance, or, by a path without items, for the node in every item to come.
 * 2. What runs takes only keys that its type lists in `liveConfig`; what is over takes none.
 * 3. An edit that does not fit the node's schema changes nothing.
 */
import { createHash } from "node:crypto";

import { effectOf, STRENGTH } from "../../blueprint/effect.ts";
import { RuntimeError } from "../../errors.ts";
import { compileText, parseConfig } from "../plan/expressions.ts";
import type { Compiled, ExpressionScope, PlanNode, Template } from "../plan/plan.ts";
import type { Attempt } from "../run/attempt.ts";
import { expressionScope } from "../run/expression-scope.ts";
import type { Scheduler } from "../run/scheduler.ts";
import { isFinalNode, NODE_STATES, RUNNING } from "../run/states.ts";
import { keysOf, patch, type PatchOp } from "./json-patch.ts";
import { attemptsIn, instanceAt, isInLoop, nodeAt } from "./locate.ts";

/** Paths that were edited, in one execution. */
const LIMIT = 1_000;
const ITEMS = /\[[^\]]*\]/g;

/** One change; its value may hold expressions, which see what those of the Blueprint see. */
export interface Edit extends PatchOp {
  readonly compiled: Compiled | undefined;
}
export interface ConfigRequest {
  readonly path: string;
  readonly patch: readonly PatchOp[];
  /** The hash that the caller has read: refused when it is another by now. */
  readonly ifHash?: string | undefined;
}
export interface ConfigReply {
  readonly applied: "live" | "next-attempt" | "next-item";
  readonly configHash: string;
}

export class ConfigEdits {
  readonly #edits = new Map<string, readonly Edit[]>();

  #last: Promise<unknown> = Promise.resolve();

  get isEmpty(): boolean {
    return this.#edits.size === 0;
  }

  /** Changes that another host has recorded hold again. */
  restore(root: Template, edits: readonly { readonly path: string; readonly value: unknown }[]): void {
    for (const { path, value } of edits) {
      const node = nodeAt(root, path)!;
      const ops = (value as readonly PatchOp[]).map((op) => editOf(node, op));
      this.#edits.set(path, [...(this.#edits.get(path) ?? []), ...ops]);
    }
  }

  /** What an attempt makes of its configuration; undefined where nothing was changed. */
  of(path: string): readonly Edit[] | undefined {
    const forNode = path.includes("[") ? this.#edits.get(path.replace(ITEMS, "")) : undefined;
    const own = this.#edits.get(path);
    return forNode && own ? [...forNode, ...own] : (own ?? forNode);
  }

  /** Throws `INVALID_INPUT`, `E_STATE`, `LIMIT`, and `NodeError` CONFIG or `EXPRESSION` where the outcome does not fit. */
  change(scheduler: Scheduler, root: Template, request: ConfigRequest): Promise<ConfigReply> {
    // One after the other: whoever comes second sees the hash that the first has left.
    const done = this.#last.then(() => this.#change(scheduler, root, request));
    this.#last = done.catch(() => {});
    return done;
  }

  async #change(
    scheduler: Scheduler,
    root: Template,
    { path, patch: ops, ifHash }: ConfigRequest,
  ): Promise<ConfigReply> {
    const node = nodeAt(root, path);
    if (!node || node.kind === "blueprint") {
      const why = node ? "a Blueprint used as a node has no configuration" : "the Blueprint has no such node";
      throw new RuntimeError("INVALID_INPUT", `Cannot configure "${path}": ${why}`, { path });
    }
    const before = this.#hash(node, path);
    if (ifHash !== undefined && ifHash !== before) {
      throw new RuntimeError(
        "E_STATE",
        `Cannot configure "${path}": somebody else has changed it; read it again and decide anew (configHash ${before})`,
        { path, configHash: before },
      );
    }
    const keys = [...new Set(ops.map(({ path: pointer }) => keysOf(pointer)[0]!))];
    const isForItems = isInLoop(root, path) && !path.includes("[");
    const isLive = keys.every((key) => node.def.liveConfig?.includes(key));
    // Items under way keep what they have, unless all of it may change while they run.
    const affected = (): Attempt[] => (isForItems && !isLive ? [] : resolvedAttempts(scheduler, path));
    let running = affected();
    const applied = running.length > 0 ? "live" : isForItems ? "next-item" : "next-attempt";
    if (ops.length === 0) return { applied, configHash: before };
    const refuse = (): void => {
      refuseFinal(scheduler, path);
      if (!isLive && running.some(({ scope }) => scope.state[node.id] === RUNNING)) throw notLive(node, path, keys);
    };
    refuse();
    refuseStronger(node, path, ops);
    const edits = ops.map((op) => editOf(node, op));
    const own = [...(this.#edits.get(path) ?? []), ...edits];
    if (node.staticConfig !== undefined && own.every(({ compiled }) => !compiled))
      await editedConfig(node, node.staticConfig, own, undefined);
    let changed: (readonly [Attempt, unknown])[];
    let seen: readonly Attempt[];
    // Once more where one has begun meanwhile: it must not miss the change.
    do {
      seen = running;
      changed = await Promise.all(seen.map(async (attempt) => [attempt, await this.#next(attempt, edits)] as const));
      running = affected();
    } while (running.some((attempt) => !seen.includes(attempt)));
    refuse();
    if (!this.#edits.has(path) && this.#edits.size >= LIMIT) {
      throw new RuntimeError(
        "LIMIT",
        `Cannot configure "${path}": ${LIMIT} instances have been already; edit the Blueprint instead`,
        { path },
      );
    }
    this.#edits.set(path, own);
    scheduler.journal?.config(path, ops);
    for (const [attempt, config] of changed) if (!attempt.isOver) attempt.reconfigure(config, keys);
    return { applied: running.length > 0 ? "live" : applied, configHash: this.#hash(node, path) };
  }

  #next(attempt: Attempt, edits: readonly Edit[]): Promise<unknown> {
    const { prepared } = attempt;
    return editedConfig(attempt.node, prepared!.config, edits, expressionScope(attempt, prepared!.inputs));
  }

  /** Of the configuration where it is known, else of the changes to it. */
  #hash(node: PlanNode, path: string): string {
    const edits = this.of(path) ?? [];
    const isKnown = node.staticConfig !== undefined && edits.every(({ compiled }) => !compiled);
    const document = isKnown
      ? patched(node.staticConfig, edits)
      : edits.map(({ op, path: pointer, value }) => [op, pointer, value]);
    return createHash("sha256")
      .update(JSON.stringify([isKnown, document]) ?? "")
      .digest("hex");
  }
}

function editOf({ def }: PlanNode, op: PatchOp): Edit {
  const isRaw = (def.rawConfig as readonly string[] | undefined)?.includes(keysOf(op.path)[0]!);
  if (op.op === "remove" || isRaw) return { ...op, compiled: undefined };
  const compiled = compileText(op.value);
  if (!compiled.isStatic) return { ...op, compiled };
  return { ...op, value: compiled.evaluate({ in: {}, run: {}, secrets: {}, vars: {} }), compiled: undefined };
}

/** The configuration with its edits, checked by the node's own schema. */
export async function editedConfig(
  { def }: PlanNode,
  config: unknown,
  edits: readonly Edit[],
  seen: ExpressionScope | undefined,
): Promise<unknown> {
  const known: PatchOp[] = [];
  for (const { compiled, ...op } of edits)
    known.push(compiled && seen ? { ...op, value: await compiled.evaluate(seen) } : op);
  return parseConfig(def, patched(config, known));
}

function patched(config: unknown, edits: readonly PatchOp[]): unknown {
  const copy: unknown = structuredClone(config);
  for (const edit of edits) patch(copy, { ...edit, value: structuredClone(edit.value) });
  return copy;
}

/** Attempts whose configuration is resolved: they run, or stand at a breakpoint before they do. */
function resolvedAttempts(scheduler: Scheduler, path: string): Attempt[] {
  const isMeant = (attempt: Attempt): boolean => attempt.path === path || attempt.path.replace(ITEMS, "") === path;
  return attemptsIn(scheduler.root).filter((attempt) => attempt.prepared && !attempt.isOver && isMeant(attempt));
}

function refuseFinal({ root, settled }: Scheduler, path: string): void {
  const instance = root && instanceAt(root, path);
  const state = instance
    ? NODE_STATES[instance.scope.state[instance.node.id]!]
    : settled.list().find((node) => node.path === path)?.s;
  if (state === undefined || !isFinalNode(NODE_STATES.indexOf(state))) return;
  throw new RuntimeError("E_STATE", `Cannot configure "${path}": it is ${state}; start another execution`, {
    path,
    state,
  });
}

/** The plan has said what a second run does: a setting must not make it more. */
function refuseStronger({ def, effect }: PlanNode, path: string, ops: readonly PatchOp[]): void {
  for (const { op, path: pointer, value } of ops) {
    const key = keysOf(pointer)[0]!;
    if (!Object.hasOwn(def.effectOf ?? {}, key)) continue;
    const next = effectOf(def, op === "remove" ? {} : { [key]: value });
    if (STRENGTH[next] <= STRENGTH[effect]) continue;
    throw new RuntimeError(
      "INVALID_INPUT",
      `Cannot configure "${path}" with this "${key}": its effect would be ${next}, and this execution counts on ${effect}; edit the Blueprint`,
      { path, keys: [key] },
    );
  }
}

function notLive({ def }: PlanNode, path: string, keys: readonly string[]): RuntimeError {
  const live: readonly string[] = def.liveConfig ?? [];
  const dead = keys.filter((key) => !live.includes(key)).join(", ");
  const wayOut = live.length > 0 ? `what can: ${live.join(", ")}` : "pause the execution before it starts";
  return new RuntimeError(
    "E_STATE",
    `Cannot configure "${path}": it is running, and ${dead} cannot change then; ${wayOut}`,
    {
      path,
      keys,
    },
  );
}
