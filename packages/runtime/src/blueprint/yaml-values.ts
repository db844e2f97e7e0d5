/**
 * From YAML's tree to plain values and their offsets, in one walk. The walk guards: keys that stand twice, keys that are no text,
 * aliases of themselves, aliases that multiply (the alias bomb), values that JSON has no word for.
 */

import { isAlias, isMap, isScalar, isSeq, type Document, type Node } from "yaml";

import { SourceFault, type LocatedProblem, type Location, MAX_DEPTH } from "./json-locations.ts";

/** How many values all aliases of a file together may stand for. */
const MAX_ALIASED = 100_000;

interface Read {
  readonly value: unknown;
  readonly location: Location;
  /** Values in it, itself included. */
  readonly size: number;
}

/** @throws SourceFault where aliases multiply. */
export function readYamlTree(doc: Document.Parsed, problems: LocatedProblem[]): { value: unknown; location: Location } {
  const anchors = new Map<string, Read | "open">();
  let aliased = 0;

  const problem = (at: number, message: string): Read => {
    problems.push({ at, message });
    return { value: null, location: { at }, size: 1 };
  };

  const read = (node: Node | null, fallbackAt: number, depth: number): Read => {
    const at = node?.range?.[0] ?? fallbackAt;
    if (!node) return { value: null, location: { at }, size: 1 };
    if (depth > MAX_DEPTH)
      return problem(at, `Cannot read the file: it is nested deeper than ${MAX_DEPTH} levels; make it flatter`);
    if (isAlias(node)) {
      const source = anchors.get(node.source);
      if (source === undefined)
        return problem(at, `Cannot read *${node.source}: no value above is named &${node.source}`);
      if (source === "open")
        return problem(at, `Cannot read *${node.source}: it stands inside the value that it repeats`);
      aliased += source.size;
      if (aliased > MAX_ALIASED)
        throw new SourceFault(at, `its aliases stand for more than ${MAX_ALIASED} values; write the values out`);
      return { value: source.value, location: { ...source.location, at }, size: source.size };
    }
    const anchor = isMap(node) || isSeq(node) || isScalar(node) ? node.anchor : undefined;
    if (anchor !== undefined) anchors.set(anchor, "open");
    const result = isMap(node)
      ? readMap(node, at, depth)
      : isSeq(node)
        ? readSeq(node, at, depth)
        : readScalar(node, at);
    if (anchor !== undefined) anchors.set(anchor, result);
    return result;
  };

  const readMap = (node: Node, at: number, depth: number): Read => {
    const value: Record<string, unknown> = {};
    const keys = new Map<string, { at: number; value: Location }>();
    let size = 1;
    for (const pair of isMap(node) ? node.items : []) {
      const keyNode = pair.key as Node | null;
      const keyAt = keyNode?.range?.[0] ?? at;
      if (!isScalar(keyNode) || typeof keyNode.value !== "string") {
        problem(keyAt, "Cannot read a key: it is not a text; quote it");
        continue;
      }
      const key = keyNode.value;
      const inner = read(pair.value as Node | null, keyNode.range?.[1] ?? keyAt, depth + 1);
      size += inner.size;
      if (keys.has(key)) problem(keyAt, `Cannot read the key "${key}": it stands here twice; remove or rename one`);
      else if (key === "__proto__") problem(keyAt, 'Cannot use the key "__proto__": it is reserved; rename it');
      else {
        keys.set(key, { at: keyAt, value: inner.location });
        value[key] = inner.value;
      }
    }
    return { value, location: { at, keys }, size };
  };

  const readSeq = (node: Node, at: number, depth: number): Read => {
    const value: unknown[] = [];
    const items: Location[] = [];
    let size = 1;
    for (const item of isSeq(node) ? node.items : []) {
      const inner = read(item as Node | null, at, depth + 1);
      size += inner.size;
      value.push(inner.value);
      items.push(inner.location);
    }
    return { value, location: { at, items }, size };
  };

  const readScalar = (node: Node, at: number): Read => {
    const value: unknown = isScalar(node) ? node.value : null;
    if (typeof value === "number" && !Number.isFinite(value))
      return problem(at, `Cannot use ${value} as a value: JSON has no word for it; quote it or use a number`);
    const plain =
      value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean";
    return plain
      ? { value, location: { at }, size: 1 }
      : problem(
          at,
          "Cannot use this value: only texts, numbers, true, false, null, maps and lists stand in a Blueprint",
        );
  };

  return read(doc.contents, 0, 0);
}
