/** From a file of the right shape to the model: references and durations read, positions kept, defaults set. */

import type { Effect } from "./define-node.ts";
import type {
  After,
  Blueprint,
  Body,
  InputDecl,
  NodeDecl,
  OutputDecl,
  Policy,
  PortType,
  Position,
  Ref,
  RetryPolicy,
} from "./model.ts";
import { parsePortType, schemaOfType, type Types } from "./port-type.ts";
import type { ProblemList } from "./problem-list.ts";
import type { Path, Source } from "./source.ts";
import { wayOut } from "./suggest.ts";

/** What `blueprintFile` lets through; it has judged the shape before. */
interface RawNode {
  uses: string;
  in?: Record<string, string | string[]>;
  with?: Record<string, unknown>;
  when?: string;
  after?: string | string[];
  timeout?: string;
  retry?: {
    attempts: number;
    backoff?: RetryPolicy["backoff"];
    initial?: string;
    factor?: number;
    max?: string;
    jitter?: RetryPolicy["jitter"];
    on?: string[];
  };
  effect?: Effect;
  idempotencyKey?: string;
  onUnknown?: NonNullable<NodeDecl["onUnknown"]>;
  body?: { nodes: Record<string, RawNode>; outputs?: Record<string, string> };
  title?: string;
  description?: string;
}
interface RawFile {
  id?: string;
  name: string;
  version?: string;
  description?: string;
  inputs?: Record<string, Record<string, unknown>>;
  outputs?: Record<string, { type?: unknown; from: string; description?: string }>;
  types?: Record<string, Record<string, unknown>>;
  secrets?: string[];
  policy?: {
    timeout?: string;
    concurrency?: number;
    onFailure?: Policy["onFailure"];
    durability?: Policy["durability"];
  };
  nodes: Record<string, RawNode>;
  ui?: Record<string, [number, number]>;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const NONE: readonly string[] = [];
const NOWHERE: ReadonlyMap<string, Position> = new Map();
const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** The longest delay that timers of every platform hold. */
const MAX_DURATION_MS = 2 ** 31 - 1;

/** `500ms`, `20s`, `30m`, `24h`, `7d` in milliseconds; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  return amount === undefined ? undefined : Math.round(Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS]);
}

/** `node.port`, `$inputs.port`, `$item`, `$index`, `$key`; undefined when it is none. */
export function parseRef(text: string, at: Position = { line: 1, column: 1 }): Ref | undefined {
  if (text === "$item" || text === "$index" || text === "$key")
    return { from: text.slice(1) as "item" | "index" | "key", text, at };
  const [, owner, name] = /^(\$inputs|[A-Za-z][\w-]*)\.([A-Za-z]\w*)$/.exec(text) ?? [];
  if (owner === undefined || name === undefined) return undefined;
  return owner === "$inputs"
    ? { from: "inputs", port: name, text, at }
    : { from: "node", node: owner, port: name, text, at };
}

export function buildBlueprint(value: unknown, source: Source, file: string, report: ProblemList): Blueprint {
  const raw = value as RawFile;
  const ref = (text: string, path: Path): Ref => parseRef(text, source.locate(path)) as Ref;
  const types: Types = new Map(Object.entries(raw.types ?? {}));
  const portType = (type: unknown, path: Path): PortType => {
    const parsed = parsePortType(type) ?? { t: "any" };
    let named = parsed;
    while (named.t === "list" || named.t === "stream") named = named.of;
    if (named.t === "named" && !types.has(named.name)) {
      report.add(
        "SCHEMA",
        path,
        `Cannot use the type "#${named.name}": \`types\` does not declare it; ${wayOut(named.name, types.keys(), "declare it there")}`,
      );
    }
    return parsed;
  };
  /** A setting `schema: "#row"` is the type of that name. */
  const settings = (given: Record<string, unknown>, path: Path): Record<string, unknown> => {
    const { schema } = given;
    if (typeof schema !== "string" || !schema.startsWith("#")) return given;
    return { ...given, schema: schemaOfType(portType(schema, path), types) };
  };
  const duration = (text: string, path: Path): number => {
    const ms = parseDuration(text) ?? 0;
    if (ms > MAX_DURATION_MS)
      report.add("SCHEMA", path, `Cannot wait ${text}: the longest duration is 24d; use a shorter one`);
    return ms;
  };

  const node = (id: string, decl: RawNode, path: Path): NodeDecl => {
    const wires = new Map<string, Ref | readonly Ref[]>();
    for (const [port, from] of Object.entries(decl.in ?? {})) {
      const at = [...path, "in", port];
      wires.set(port, Array.isArray(from) ? from.map((text, i) => ref(text, [...at, i])) : ref(from, at));
    }
    const after = decl.after === undefined ? NONE : [decl.after].flat();
    // Assigned, not spread: this is done for every node of a large graph.
    const made: Writable<NodeDecl> = {
      id,
      uses: usesOf(decl.uses),
      in: wires,
      with: settings(decl.with ?? {}, [...path, "with", "schema"]),
      after: after.map((text, i) =>
        afterOf(text, source.locate(Array.isArray(decl.after) ? [...path, "after", i] : [...path, "after"])),
      ),
      at: source.locate(path, "key"),
      positions: source.isPlaced ? positionsOf(decl, path, source) : NOWHERE,
    };
    if (decl.when !== undefined) made.when = decl.when;
    if (decl.timeout !== undefined) made.timeoutMs = duration(decl.timeout, [...path, "timeout"]);
    if (decl.retry !== undefined)
      made.retry = retryOf(decl.retry, (text, key) => duration(text, [...path, "retry", key]));
    if (decl.effect !== undefined) made.effect = decl.effect;
    if (decl.idempotencyKey !== undefined) made.idempotencyKey = decl.idempotencyKey;
    if (decl.onUnknown !== undefined) made.onUnknown = decl.onUnknown;
    if (decl.title !== undefined) made.title = decl.title;
    if (decl.description !== undefined) made.description = decl.description;
    if (decl.body !== undefined) made.body = bodyOf(decl.body, [...path, "body"]);
    return made;
  };
  // Recursion over loops inside loops: the reader has bounded how deep a file nests.
  const nodesOf = (nodes: Record<string, RawNode>, path: Path): Map<string, NodeDecl> =>
    new Map(Object.entries(nodes).map(([id, decl]) => [id, node(id, decl, [...path, id])]));
  const bodyOf = (body: NonNullable<RawNode["body"]>, path: Path): Body => ({
    nodes: nodesOf(body.nodes, [...path, "nodes"]),
    outputs: new Map(
      Object.entries(body.outputs ?? {}).map(([name, from]) => [name, ref(from, [...path, "outputs", name])]),
    ),
  });

  const inputs = Object.entries(raw.inputs ?? {}).map(([name, decl]): [string, InputDecl] => [
    name,
    {
      ...inputOf(name, decl, portType(decl["type"], ["inputs", name, "type"]), types),
      at: source.locate(["inputs", name], "key"),
      ...(Object.hasOwn(decl, "default") ? { defaultAt: source.locate(["inputs", name, "default"]) } : {}),
    },
  ]);
  const outputs = Object.entries(raw.outputs ?? {}).map(([name, decl]): [string, OutputDecl] => [
    name,
    {
      name,
      type: decl.type === undefined ? { t: "any" } : portType(decl.type, ["outputs", name, "type"]),
      from: ref(decl.from, ["outputs", name, "from"]),
      ...(decl.description === undefined ? {} : { description: decl.description }),
      at: source.locate(["outputs", name], "key"),
    },
  ]);
  const nodes = nodesOf(raw.nodes, ["nodes"]);
  for (const id of Object.keys(raw.ui ?? {})) {
    if (!nodes.has(id)) {
      report.add(
        "UNKNOWN_NODE",
        ["ui", id],
        `Cannot place "${id}": no node has this id; ${wayOut(id, nodes.keys(), "remove the line")}`,
        source.locate(["ui", id], "key"),
        "warning",
      );
    }
  }
  return {
    id: raw.id ?? stem(file),
    name: raw.name,
    version: raw.version ?? "0.0.0",
    ...(raw.description === undefined ? {} : { description: raw.description }),
    inputs: new Map(inputs),
    outputs: new Map(outputs),
    types,
    typePositions: new Map([...types.keys()].map((name) => [name, source.locate(["types", name], "key")])),
    secrets: raw.secrets ?? [],
    policy: {
      onFailure: raw.policy?.onFailure ?? "cancel",
      durability: raw.policy?.durability ?? "group",
      ...(raw.policy?.timeout === undefined ? {} : { timeoutMs: duration(raw.policy.timeout, ["policy", "timeout"]) }),
      ...(raw.policy?.concurrency === undefined ? {} : { concurrency: raw.policy.concurrency }),
    },
    nodes,
    ui: new Map(Object.entries(raw.ui ?? {})),
    file,
  };
}

/** A file without an id goes by its name: `jobs/feed.blueprint.yaml` is `feed`. */
const stem = (file: string): string =>
  (file.split(/[\\/]/).at(-1) ?? file).replace(/\.(?:blueprint\.)?(?:ya?ml|json)$/, "") || file;

function usesOf(text: string): NodeDecl["uses"] {
  if (text.startsWith(".")) return { path: text };
  const [type = text, major] = text.split("@");
  return major === undefined ? { type } : { type, major: Number(major) };
}

function afterOf(text: string, at: Position): After {
  const [node = text, port] = text.split(".");
  return port === undefined ? { node, at } : { node, port, at };
}

/** Pauses where the file leaves them open. */
const RETRY_DEFAULTS = { backoff: "exponential", initialMs: 1000, factor: 2, maxMs: 60_000, jitter: "full" } as const;

function retryOf(raw: NonNullable<RawNode["retry"]>, duration: (text: string, key: string) => number): RetryPolicy {
  return {
    attempts: raw.attempts,
    backoff: raw.backoff ?? RETRY_DEFAULTS.backoff,
    initialMs: raw.initial === undefined ? RETRY_DEFAULTS.initialMs : duration(raw.initial, "initial"),
    factor: raw.factor ?? RETRY_DEFAULTS.factor,
    maxMs: raw.max === undefined ? RETRY_DEFAULTS.maxMs : duration(raw.max, "max"),
    jitter: raw.jitter ?? RETRY_DEFAULTS.jitter,
    ...(raw.on === undefined ? {} : { on: raw.on }),
  };
}

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

function inputOf(name: string, raw: Record<string, unknown>, type: PortType, types: Types): Omit<InputDecl, "at"> {
  const { type: _type, required, mediaType, ...rest } = raw;
  const [title, description] = [text(raw["title"]), text(raw["description"])];
  return {
    name,
    type,
    required:
      required === undefined ? !Object.hasOwn(raw, "default") : required === true && !Object.hasOwn(raw, "default"),
    ...(Object.hasOwn(raw, "default") ? { default: raw["default"] } : {}),
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...(typeof mediaType === "string" ? { mediaType } : {}),
    schema: { ...schemaOfType(type, types), ...rest },
  };
}

/** Of a node's keys, of its wires, and of what stands in its configuration. */
function positionsOf(decl: RawNode, path: Path, source: Source): Map<string, Position> {
  const positions = new Map<string, Position>();
  for (const key of Object.keys(decl)) positions.set(key, source.locate([...path, key]));
  for (const port of Object.keys(decl.in ?? {}))
    positions.set(`in.${port}`, source.locate([...path, "in", port], "key"));
  for (const key of Object.keys(decl.with ?? {}))
    placeConfig(`with.${key}`, decl.with?.[key], [...path, "with", key], source, positions);
  return positions;
}

/** Positions of a configuration value, and inside it of every text with an expression. */
function placeConfig(name: string, value: unknown, path: Path, source: Source, positions: Map<string, Position>): void {
  positions.set(name, source.locate(path));
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    const innerName = Array.isArray(value) ? `${name}[${key}]` : `${name}.${key}`;
    if (typeof inner === "object" || (typeof inner === "string" && inner.includes("${"))) {
      placeConfig(innerName, inner, [...path, Array.isArray(value) ? Number(key) : key], source, positions);
    }
  }
}
