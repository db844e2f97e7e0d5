/** How deep a value may nest. */
const MAX_LEVELS = 512;

export class TooDeep extends Error {}

type Marked = unknown[] & { sequence?: boolean; cons?: boolean; keepSingleton?: boolean };

/**
 * JSONata's result as plain data: its sequences carry marks that other code would meet, functions are no data. Values that need no
 * change are returned as they are, so what a node passes on is not copied.
 * @throws TooDeep for values that nest deeper than 512 levels, cycles among them.
 */
export function toPlain(value: unknown, level = 0): unknown {
  if (typeof value === "function") return undefined;
  if (typeof value !== "object" || value === null) return value;
  if (level > MAX_LEVELS) throw new TooDeep();
  if (Array.isArray(value)) return plainList(value, level);
  const proto: unknown = Object.getPrototypeOf(value);
  // Dates, bytes and the like pass: only JSONata's own records are looked into.
  if (proto !== Object.prototype && proto !== null) return value;
  const record = value as Record<string, unknown>;
  if (record["_jsonata_lambda"] === true || record["_jsonata_function"] === true) return undefined;
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(record)) {
    const inner = record[key];
    const plain = toPlain(inner, level + 1);
    if (plain === inner) continue;
    copy ??= { ...record };
    if (plain === undefined) delete copy[key];
    else copy[key] = plain;
  }
  return copy ?? value;
}

function plainList(value: Marked, level: number): unknown[] {
  let copy: unknown[] | undefined =
    value.sequence || value.cons || value.keepSingleton || "sequence" in value ? Array.from(value) : undefined;
  for (let i = 0; i < value.length; i++) {
    const plain = toPlain(value[i], level + 1);
    if (plain !== value[i]) (copy ??= Array.from(value))[i] = plain ?? null;
  }
  return copy ?? value;
}
