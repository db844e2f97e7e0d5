import type { z } from "zod";

import { NodeError } from "../../errors.ts";
import { issuesText } from "../plan/expressions.ts";
import type { PlanInput, PlanNode, Source } from "../plan/plan.ts";
import { StreamQueue } from "../streams/stream-queue.ts";
import { pathOf, queueOf, type Scope } from "./scope.ts";
import { COMPLETED, NODE_STATES } from "./states.ts";

/** The value on a wire, or undefined for an empty token. */
export function readSource(scope: Scope, source: Source): unknown {
  switch (source.from) {
    case "node":
      return source.wire === undefined
        ? own(scope.outputs[source.node], source.port)
        : streamOn(scope, source.node, source.wire);
    case "inputs":
      return own(scope.inputs, source.port);
    case "item":
      return scope.item?.value;
    case "index":
      return scope.item?.index;
    case "key":
      return scope.item?.key;
  }
}

/** A stream is there once its node has emitted something, or has ended well without. */
function streamOn(scope: Scope, from: number, wire: number): StreamQueue | undefined {
  return scope.flowing.has(from) || scope.state[from] === COMPLETED ? queueOf(scope, wire) : undefined;
}

/** Port names come from outside: `constructor` is a port that nobody set. */
function own(values: Readonly<Record<string, unknown>> | undefined, name: string): unknown {
  return values !== undefined && Object.hasOwn(values, name) ? values[name] : undefined;
}

/** All tokens are there: why the node must be skipped, or undefined when it may run. */
export function whyNotReady(scope: Scope, node: PlanNode): string | undefined {
  if (node.neverSkipped) return undefined;
  for (const { node: other, port } of node.after) {
    const name = scope.template.nodes[other]!.name;
    if (port !== undefined) {
      if (own(scope.outputs[other], port) === undefined) return `after: ${name}.${port} is empty`;
    } else if (scope.state[other] !== COMPLETED) {
      return `after: ${name} is ${NODE_STATES[scope.state[other]!]}`;
    }
  }
  for (const input of node.inputs) {
    const why = input.multi ? whyNotJoined(scope, input) : whyEmpty(scope, input);
    if (why !== undefined) return why;
  }
  return undefined;
}

function whyEmpty(scope: Scope, { name, required, sources }: PlanInput): string | undefined {
  return required && readSource(scope, sources[0]!) === undefined ? `input ${name} is empty` : undefined;
}

/** `all` runs with whatever came, `any` and `race` need one value, `zip` needs every one. */
function whyNotJoined(scope: Scope, { name, join, sources }: PlanInput): string | undefined {
  if (join === "all") return undefined;
  const values = sources.reduce((sum, source) => sum + (readSource(scope, source) === undefined ? 0 : 1), 0);
  if (join === "zip")
    return values < sources.length ? `input ${name} (zip): ${sources.length - values} are empty` : undefined;
  return values === 0 ? `input ${name} (${join}): all are empty` : undefined;
}

/** What a node gets: each port's value, checked; a list on multi ports, empty ones left out. Throws `NodeError`. */
export function collectInputs(scope: Scope, node: PlanNode): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const input of node.inputs) {
    const value = input.multi ? listOf(scope, sourcesOf(scope, node, input)) : readSource(scope, input.sources[0]!);
    if (value === undefined) continue;
    checkInput(scope, node, input, value);
    values[input.name] = value;
  }
  return values;
}

function listOf(scope: Scope, sources: readonly Source[]): unknown[] {
  const values: unknown[] = [];
  for (const source of sources) {
    const value = readSource(scope, source);
    if (value !== undefined) values.push(value);
  }
  return values;
}

/** Of a race only the winner, whoever else has a value by now. */
function sourcesOf(scope: Scope, node: PlanNode, { join, sources }: PlanInput): readonly Source[] {
  const winner = join === "race" ? scope.winners.get(node.id) : undefined;
  return winner === undefined ? sources : sources.filter((source) => source.from === "node" && source.node === winner);
}

/** The schema of a port that takes several wires describes one value, or the list of them. */
function checkInput(scope: Scope, node: PlanNode, { name, port, multi }: PlanInput, value: unknown): void {
  if (!port || (port.mode === "value" && takesAnything(port.schema))) return;
  const where = (): string => `input "${name}" of "${pathOf(scope, node.id)}"`;
  if (port.mode === "stream") {
    const streams = multi ? (value as unknown[]) : [value];
    const wrong = streams.find((one) => !Array.isArray(one) && !(one instanceof StreamQueue));
    if (wrong === undefined) return;
    throw misfit(`Cannot read ${where()}: it takes a list or a stream and got ${kindOf(wrong)}; wire it to one`);
  }
  if (multi && port.schema.safeParse(value).success) return;
  for (const one of multi ? (value as unknown[]) : [value]) {
    const checked = port.schema.safeParse(one);
    if (!checked.success) {
      throw misfit(
        `Cannot use ${kindOf(one)} as ${where()}: ${issuesText(checked.error.issues)}; check what its wire brings`,
      );
    }
  }
}

/** `z.any()` and `z.unknown()` as they are: most ports of most nodes, and nothing to check. */
export function takesAnything(schema: z.ZodType): boolean {
  const { type, checks } = schema._zod.def;
  return (type === "any" || type === "unknown") && (checks === undefined || checks.length === 0);
}

export function misfit(message: string): NodeError {
  return new NodeError(message, { code: "INVALID_INPUT", class: "user", retryable: false });
}

export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
