import type { ExpressionScope } from "../plan/plan.ts";
import type { Attempt } from "./attempt.ts";

/** What expressions of an attempt see. */
export function expressionScope(
  { scheduler, scope, number }: Attempt,
  inputs: Readonly<Record<string, unknown>>,
): ExpressionScope {
  const { facts, host } = scheduler;
  const { item } = scope;
  return {
    in: inputs,
    ...(item ? { item: item.value, index: item.index, key: item.key } : {}),
    run: { ...facts.run, attempt: number },
    secrets: scheduler.secretsOf(scope.template),
    vars: host.vars,
  };
}
