/** Reads values of a running execution, in pages, redacted and bounded. */
import type { z } from "zod";

import { compileExpression, type Scope as Seen } from "../../blueprint/expression.ts";
import type { Val } from "../../contract.ts";
import type * as commands from "../../contract/commands.ts";
import { RuntimeError } from "../../errors.ts";
import type { PlanNode } from "../plan/plan.ts";
import { collectInputs } from "../run/inputs.ts";
import type { Scheduler } from "../run/scheduler.ts";
import { pathOf, type Scope } from "../run/scope.ts";
import { liveNodes } from "../told/snapshot.ts";
import type { Redact } from "../values/redact.ts";
import { INLINE_BYTES, toVal } from "../values/values.ts";
import { instanceAt } from "./locate.ts";
import { namedValues } from "./stops.ts";

export type InspectRequest = Omit<z.infer<typeof commands.inspect>, "executionId">;
export interface Inspected {
  value: Val;
  total?: number;
  nextStart?: number;
}
type Target = InspectRequest["target"];

const MAX_BYTES = 1024 * 1024;
const MAX_COUNT = 10_000;
const DEPTH = 32;
const EVAL_MS = 1_000;

export async function inspect(
  scheduler: Scheduler,
  redact: Redact | undefined,
  request: InspectRequest,
): Promise<Inspected> {
  const { value, ref } = await read(scheduler, request.target);
  return shownAs(value, ref, redact, request);
}

/** The page that was asked for. */
export function shownAs(
  value: unknown,
  ref: string,
  redact: Redact | undefined,
  { range, depth = DEPTH, maxBytes = INLINE_BYTES }: InspectRequest,
): Inspected {
  const { page, ...more } = pageOf(value, range);
  return { value: toVal(page, ref, redact, { depth, maxBytes: Math.min(maxBytes, MAX_BYTES) }), ...more };
}

async function read(scheduler: Scheduler, target: Target): Promise<{ value: unknown; ref: string }> {
  if ("eval" in target) {
    const { values } = scheduler.stops.get(target.stopId);
    const value = await compileExpression(target.eval).evaluate(values as Seen, { budgetMs: EVAL_MS });
    return { value, ref: target.stopId };
  }
  if ("ref" in target) return { value: byReference(scheduler, target.ref), ref: target.ref };
  const { path, what, port, attempt } = target;
  return { value: ofInstance(scheduler, target), ref: `${path}#${attempt ?? 0}.${port ?? what}` };
}

/** `path#attempt.port`, as outputs are told, and `stopId.in.port`, as stops are. */
function byReference(scheduler: Scheduler, ref: string): unknown {
  const [, stopId = "", name = ""] = /^(stop-\d+)\.(.+)$/.exec(ref) ?? [];
  const stop = scheduler.stops.find(stopId);
  if (stop) {
    const values = namedValues(stop.values);
    if (Object.hasOwn(values, name)) return values[name];
  }
  const [, path = "", attempt = "", port = ""] = /^(.*)#(\d+)\.([^.]+)$/.exec(ref) ?? [];
  const kept = scheduler.recorder.valueOf(path, port);
  if (kept && (kept.attempt === Number(attempt) || attempt === "0")) return told(kept);
  throw unknown(`the value "${ref}"`, "it was let go, or never was; read the port by its path");
}

function ofInstance(scheduler: Scheduler, target: Extract<Target, { path: string }>): unknown {
  const { path, what, port } = target;
  const { recorder, root, settled } = scheduler;
  const history = recorder.history();
  if (what === "log") return history.logs.filter((log) => log.path === path && isOf(target, log.attempt));
  if (what === "error") {
    const found = history.errors.findLast((error) => error.path === path && isOf(target, error.detail.attempt));
    return found?.detail ?? null;
  }
  if (what === "timeline") {
    const found = [...liveNodes(root), ...settled.list()].find((node) => node.path === path);
    if (found) return found;
    throw unknown(`"${path}"`, "there is no such instance now; the execution's state lists those there are");
  }
  const place = instanceAt(root, path);
  if (what === "out" && port !== undefined) {
    const kept = recorder.valueOf(path, port);
    if (kept && isOf(target, kept.attempt)) return told(kept);
  }
  if (!place) throw unknown(`"${path}"`, "there is no such instance now; the execution's state lists those there are");
  const { scope, node } = place;
  if (what === "config") return configOf(scope, node);
  const values = what === "in" ? inputsOf(scope, node) : outputsOf(scheduler, scope, node);
  if (port === undefined) return values;
  if (Object.hasOwn(values, port)) return values[port];
  throw unknown(
    `${what} "${port}" of "${path}"`,
    `it holds no value now; there are ${Object.keys(values).join(", ") || "none"}`,
  );
}

const isOf = (target: { attempt?: number | undefined }, attempt: number | undefined): boolean =>
  target.attempt === undefined || target.attempt === attempt;

/** Whole while the execution runs; then what was told of it. */
function told({ value, event }: { value: unknown; event: { value?: Val | undefined } | undefined }): unknown {
  if (value !== undefined) return value;
  const known = event?.value;
  return known?.t === "json" ? known.v : known?.t === "trunc" ? known.preview : known;
}

function configOf(scope: Scope, { id, staticConfig }: PlanNode): unknown {
  return scope.attempts.get(id)?.prepared?.config ?? staticConfig ?? null;
}

function inputsOf(scope: Scope, node: PlanNode): Record<string, unknown> {
  return scope.attempts.get(node.id)?.prepared?.inputs ?? collectInputs(scope, node);
}

function outputsOf({ stops, recorder }: Scheduler, scope: Scope, node: PlanNode): Record<string, unknown> {
  const stop = stops.all().find((open) => open.scope === scope && open.node === node.id);
  if (stop?.values.out) return stop.values.out;
  const kept = [...node.outputs.keys()].map((port) => [port, recorder.valueOf(pathOf(scope, node.id), port)] as const);
  return Object.fromEntries(kept.flatMap(([port, known]) => (known ? [[port, told(known)]] : [])));
}

/** A part of a list, of an object's keys or of a text. */
function pageOf(
  value: unknown,
  range: { start: number; count: number } | undefined,
): { page: unknown; total?: number; nextStart?: number } {
  const all =
    Array.isArray(value) || typeof value === "string" ? value : isPlain(value) ? Object.entries(value) : undefined;
  if (all === undefined) return { page: value };
  const total = all.length;
  if (!range) return { page: value, total };
  const { start } = range;
  const end = start + Math.min(range.count, MAX_COUNT);
  const part = all.slice(start, end);
  const page =
    Array.isArray(value) || typeof part === "string" ? part : Object.fromEntries(part as [string, unknown][]);
  return { page, total, ...(end < total ? { nextStart: end } : {}) };
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Object.hasOwn(value, "$blob") && !ArrayBuffer.isView(value);
}

function unknown(what: string, why: string): RuntimeError {
  return new RuntimeError("INVALID_INPUT", `Cannot inspect ${what}: ${why}`);
}
