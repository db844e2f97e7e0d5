import type { Wait } from "../../blueprint/define-node.ts";
import { NodeError } from "../../errors.ts";
import { issuesText } from "../plan/expressions.ts";
import type { Attempt } from "./attempt.ts";
import { kindOf, takesAnything } from "./inputs.ts";
import type { Values } from "./scope.ts";

const NONE: Values = Object.freeze({});

/** A node that returned this goes on when what it waits for has come. Throws `NodeError` INVALID_OUTPUT. */
export function waitOf(attempt: Attempt, result: unknown): Wait<unknown> | undefined {
  if (typeof result !== "object" || result === null || !Object.hasOwn(result, "$wait")) return undefined;
  const wait = result as Wait<unknown>;
  const what = (wait.$wait as { for?: unknown } | null)?.for;
  const isTold = what === "input" || what === "event" || (what === "time" && hasEnd(wait));
  if (!isTold || attempt.node.def.resume === undefined) {
    const why = isTold ? "has no resume" : "does not say for what";
    throw wrong(`Cannot let "${attempt.path}" wait: ${attempt.node.def.type} ${why}; see \`Wait\``);
  }
  return wait;
}

const hasEnd = ({ $wait, timeoutAt, timeoutMs }: Wait<unknown>): boolean =>
  ($wait as { until?: number }).until !== undefined || timeoutAt !== undefined || timeoutMs !== undefined;

/** What a node returned and emitted, checked against its ports. Throws `NodeError` INVALID_OUTPUT. */
export function collectOutputs(attempt: Attempt, result: unknown): Values {
  const { node } = attempt;
  const returned = result ?? NONE;
  if (typeof returned !== "object" || Array.isArray(returned)) {
    throw wrong(
      `Cannot take ${kindOf(returned)} from "${attempt.path}": a node returns its outputs by port name; return { port: value }`,
    );
  }
  let outputs: Record<string, unknown> | undefined;
  for (const name of Object.keys(returned)) {
    const value: unknown = (returned as Values)[name];
    if (value === undefined) continue;
    const port = node.outputs.get(name);
    if (!port) {
      const known = [...node.outputs.keys()].join(", ") || "none";
      throw wrong(
        `Cannot take output "${name}" of "${attempt.path}": ${node.def.type} has no such port; it has ${known}`,
      );
    }
    if (port.mode === "stream") {
      throw wrong(
        `Cannot take output "${name}" of "${attempt.path}" as a value: the port is a stream; call ctx.emit("${name}", item)`,
      );
    }
    const checked = takesAnything(port.schema) ? undefined : port.schema.safeParse(value);
    if (checked && !checked.success) {
      throw wrong(
        `Cannot take output "${name}" of "${attempt.path}": ${issuesText(checked.error.issues)}; ${node.def.type} breaks its own schema`,
      );
    }
    (outputs ??= {})[name] = value;
  }
  for (const name of node.streams) (outputs ??= {})[name] = attempt.streams?.get(name)?.close() ?? [];
  return outputs ?? NONE;
}

function wrong(message: string): NodeError {
  return new NodeError(message, { code: "INVALID_OUTPUT", class: "internal", retryable: false });
}
