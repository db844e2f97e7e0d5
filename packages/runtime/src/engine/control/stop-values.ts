/** What is seen at a stop, and what an edit there changes. */
import { RuntimeError } from "../../errors.ts";
import { issuesText } from "../plan/expressions.ts";
import type { Attempt, Outcome } from "../run/attempt.ts";
import { readSource } from "../run/inputs.ts";
import { pathOf, type Scope } from "../run/scope.ts";
import type { Place, StopValues } from "./breakpoints.ts";

/** What an attempt came to, where a breakpoint may stand. */
export type Delivered = Extract<Outcome, { kind: "completed" | "failed" }> & {
  readonly outputs?: Readonly<Record<string, unknown>>;
};

export function valuesOf(attempt: Attempt, outcome?: Outcome): StopValues {
  const { item } = attempt.scope;
  return {
    in: attempt.prepared?.inputs ?? {},
    config: attempt.prepared?.config,
    ...(outcome?.kind === "completed" ? { out: { ...outcome.outputs } } : {}),
    ...(outcome?.kind === "failed" ? { error: outcome.error } : {}),
    ...(item ? { item: item.value, index: item.index } : {}),
    attempt: attempt.number,
  };
}

export function placeOf(attempt: Attempt, at: Place["at"], outcome?: Outcome, isUncaught = false): Place {
  const { scope, node, path, number } = attempt;
  return { at, scope, node: node.id, path, attempt: number, isUncaught, values: () => valuesOf(attempt, outcome) };
}

/** Where the value of a wire is about to enter a node; undefined where nothing comes. */
export function edgePlace(scope: Scope, from: number, target: number): Place | undefined {
  const plan = scope.template.nodes[target]!;
  for (const { name, sources } of plan.inputs) {
    const source = sources.find((one) => one.from === "node" && one.node === from);
    const value = source && readSource(scope, source);
    if (value === undefined) continue;
    const { item } = scope;
    return {
      at: "edge",
      scope,
      node: target,
      path: pathOf(scope, target),
      attempt: 0,
      port: name,
      values: () => ({
        in: { [name]: value },
        config: undefined,
        ...(item ? { item: item.value, index: item.index } : {}),
        attempt: 0,
      }),
    };
  }
  return undefined;
}

/** Before the node runs: one of its inputs. */
export function overrideInput(attempt: Attempt, port: string, value: unknown): void {
  const { node, path, prepared } = attempt;
  const input = node.inputs.find(({ name }) => name === port);
  if (!input)
    throw unknownPort(
      "input",
      port,
      path,
      node.inputs.map(({ name }) => name),
    );
  if (input.port?.mode === "stream") {
    if (!Array.isArray(value)) throw misfit("input", port, path, "it takes a list or a stream");
  } else if (!input.multi) check(input.port?.schema, "input", port, path, value);
  prepared!.inputs[port] = value;
}

/** After it ran: one of its outputs. On a failure: as if it had worked. */
export function overrideOutput(
  attempt: Attempt,
  outcome: Delivered,
  port: string,
  value: unknown,
): Delivered & { kind: "completed" } {
  const { node, path } = attempt;
  const output = node.outputs.get(port);
  if (!output) throw unknownPort("output", port, path, [...node.outputs.keys()]);
  if (output.mode === "stream") {
    if (!Array.isArray(value)) throw misfit("output", port, path, "it gives a stream; give a list");
  } else check(output.schema, "output", port, path, value);
  const outputs = { ...(outcome.kind === "completed" ? outcome.outputs : {}), [port]: value };
  return {
    kind: "completed",
    outputs,
    edited: new Set([...(outcome.kind === "completed" ? (outcome.edited ?? []) : []), port]),
  };
}

function check(
  schema: { safeParse(value: unknown): any } | undefined,
  what: string,
  port: string,
  path: string,
  value: unknown,
): void {
  const checked = schema?.safeParse(value);
  if (checked && !checked.success) throw misfit(what, port, path, issuesText(checked.error.issues));
}

function misfit(what: string, port: string, path: string, why: string): RuntimeError {
  return new RuntimeError(
    "INVALID_INPUT",
    `Cannot override ${what} "${port}" of "${path}": ${why}; nothing was changed`,
    { path, port },
  );
}

function unknownPort(what: string, port: string, path: string, known: readonly string[]): RuntimeError {
  return new RuntimeError(
    "INVALID_INPUT",
    `Cannot override ${what} "${port}" of "${path}": it has no such ${what} here; it has ${known.join(", ") || "none"}`,
    { path, port },
  );
}
