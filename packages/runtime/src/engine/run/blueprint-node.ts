import type { RtError } from "../../errors.ts";
import { checkInputs, inputsText } from "../values/blueprint-inputs.ts";
import type { Attempt } from "./attempt.ts";
import { cancelScope } from "./ending.ts";
import { cancelInside, toRtError } from "./failure.ts";
import { misfit, readSource } from "./inputs.ts";
import type { Scope, Values } from "./scope.ts";

/** Runs a Blueprint used as a node: one scope, whose outputs become the node's. */
export function runBlueprint(attempt: Attempt, given: Record<string, unknown>): void {
  const { node, scope, scheduler, path } = attempt;
  const template = node.child!;
  const { values, problems } = checkInputs(template.blueprint, given);
  if (problems.length > 0) {
    attempt.failed(toRtError(misfit(`Cannot run "${path}": ${inputsText(problems)}`), path, attempt.number));
    return;
  }
  if (scope.expanded.has(node.id)) {
    scheduler.progress.total += template.instances;
    scheduler.progress.openLoops += template.loops;
  }
  scope.expanded.add(node.id);
  const child = scheduler.open({
    template,
    parent: { scope, node: node.id },
    prefix: `${path}/`,
    inputs: values,
    onEnd: (ended) => {
      if (ended.failure) attempt.failed(around(ended.failure, path, attempt.number, "failed inside"));
      else attempt.completed(scopeOutputs(ended));
    },
  });
  attempt.onAbort(() => cancelScope(scheduler, child, cancelInside(attempt.aborted!)));
  scheduler.turn();
}

/** What a scope gives to the outside: its outputs that have a value. */
export function scopeOutputs(scope: Scope): Values {
  const values: Record<string, unknown> = {};
  for (const { name, source } of scope.template.outputs) {
    const value = readSource(scope, source);
    if (value === undefined) continue;
    Object.defineProperty(values, name, { value, enumerable: true, configurable: true, writable: true });
  }
  return values;
}

/** The failure of a construct: says where it happened, keeps what a retry or a reader needs. */
export function around(inner: RtError, path: string, attempt: number, how: string): RtError {
  return {
    code: inner.code,
    class: inner.class,
    message: `"${path}" ${how}: ${inner.message}`,
    path,
    attempt,
    retryable: inner.retryable,
    ...(inner.http === undefined ? {} : { http: inner.http }),
    ...(inner.exit === undefined ? {} : { exit: inner.exit }),
    cause: inner,
  };
}
