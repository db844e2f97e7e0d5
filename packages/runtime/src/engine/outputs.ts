import { NodeError, RuntimeError } from "../errors.ts";
import type { Attempt } from "./attempt.ts";
import { issuesText } from "./expressions.ts";
import { kindOf } from "./inputs.ts";
import type { Values } from "./scope.ts";

const NONE: Values = Object.freeze({});

/** What a node returned and emitted, checked against its ports. Throws `NodeError` INVALID_OUTPUT, `RuntimeError` NOT_YET. */
export function collectOutputs(attempt: Attempt, result: unknown): Values {
  const { node, streams, path } = attempt;
  const returned = result ?? NONE;
  if (typeof returned !== "object" || Array.isArray(returned)) {
    throw wrong(
      `Cannot take ${kindOf(returned)} from "${path}": a node returns its outputs by port name; return { port: value }`,
    );
  }
  if (Object.hasOwn(returned, "$wait")) {
    throw new RuntimeError("NOT_YET", `Cannot let "${path}" wait: waiting nodes are not there yet; use core/delay`);
  }
  let outputs: Record<string, unknown> | undefined;
  for (const [name, value] of Object.entries(returned)) {
    if (value === undefined) continue;
    const port = node.outputs.get(name);
    if (!port) {
      const known = [...node.outputs.keys()].join(", ") || "none";
      throw wrong(`Cannot take output "${name}" of "${path}": ${node.def.type} has no such port; it has ${known}`);
    }
    if (port.mode === "stream") {
      throw wrong(
        `Cannot take output "${name}" of "${path}" as a value: the port is a stream; call ctx.emit("${name}", item)`,
      );
    }
    const checked = port.schema.safeParse(value);
    if (!checked.success) {
      throw wrong(
        `Cannot take output "${name}" of "${path}": ${issuesText(checked.error.issues)}; ${node.def.type} breaks its own schema`,
      );
    }
    (outputs ??= {})[name] = value;
  }
  for (const [name, port] of node.outputs) {
    if (port.mode === "stream") (outputs ??= {})[name] = streams?.get(name) ?? [];
  }
  return outputs ?? NONE;
}

function wrong(message: string): NodeError {
  return new NodeError(message, { code: "INVALID_OUTPUT", class: "internal", retryable: false });
}
