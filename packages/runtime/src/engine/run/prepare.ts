/** What an attempt needs before its node runs: inputs, configuration and key; expressions are evaluated here. */
import { NodeError } from "../../errors.ts";
import { editedConfig, type Edit } from "../control/config-edits.ts";
import { isTrue, parseConfig } from "../plan/expressions.ts";
import type { ExpressionScope } from "../plan/plan.ts";
import type { Attempt } from "./attempt.ts";
import type { Prepared } from "./context.ts";
import { expressionScope } from "./expression-scope.ts";
import { collectInputs, kindOf } from "./inputs.ts";

/** Why an attempt is skipped. */
export type Skipped = string;

/** At once where nothing has to be evaluated. */
export function prepare(attempt: Attempt): Prepared | Skipped | Promise<Prepared | Skipped> {
  const { node, scope, path, scheduler } = attempt;
  const inputs = collectInputs(scope, node);
  const edits = scheduler.configEdits.isEmpty ? undefined : scheduler.configEdits.of(path);
  if (!node.when && !node.config && !node.idempotencyKey && !edits) {
    return { inputs, config: node.staticConfig, edits: 0, idempotencyKey: undefined };
  }
  return evaluate(attempt, inputs, edits);
}

async function evaluate(
  attempt: Attempt,
  inputs: Record<string, unknown>,
  edits: readonly Edit[] | undefined,
): Promise<Prepared | Skipped> {
  const { node, signal, scope } = attempt;
  const seen = expressionScope(attempt, inputs);
  if (node.when && isFirst(attempt) && !isTrue(await node.when.evaluate(seen, signal))) return "when: is false";
  let config = node.staticConfig;
  if (node.config) {
    const value = (await node.config.evaluate(seen, signal)) as object;
    const whole = { ...value, ...node.rawConfig };
    config = edits ? whole : parseConfig(node.def, whole);
  }
  if (edits) config = await editedConfig(node, config, edits, seen);
  const known = scope.memory.get(node.id)?.key;
  return { inputs, config, edits: edits?.length ?? 0, idempotencyKey: known ?? (await idempotencyKey(attempt, seen)) };
}

/** Its configuration was changed while it was prepared. */
export function isOutdated({ scheduler, path }: Attempt, { edits }: Prepared): boolean {
  const { configEdits } = scheduler;
  return !configEdits.isEmpty && (configEdits.of(path)?.length ?? 0) !== edits;
}

/** `when` is asked once: not of what has run, has waited, or has a pin. */
function isFirst({ number, scope, node, scheduler, path }: Attempt): boolean {
  const memory = scope.memory.get(node.id);
  const hasRun = number > 1 || memory?.hasRun === true || memory?.resume !== undefined;
  return !hasRun && scheduler.facts.standIns?.pinOf(path) === undefined;
}

async function idempotencyKey({ node, signal, path }: Attempt, seen: ExpressionScope): Promise<string | undefined> {
  if (!node.idempotencyKey) return undefined;
  const key = await node.idempotencyKey.evaluate(seen, signal);
  if ((typeof key === "string" && key !== "") || typeof key === "number") return String(key);
  throw new NodeError(`Cannot run "${path}": its idempotencyKey is ${kindOf(key)}; let it give a text`, {
    code: "CONFIG",
    class: "config",
    retryable: false,
  });
}
