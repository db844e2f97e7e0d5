import { RuntimeError } from "../../errors.ts";

/** `add`, `replace` and `remove` of JSON Patch (RFC 6902); `path` is a JSON Pointer. */
export interface PatchOp {
  readonly op: "add" | "replace" | "remove";
  readonly path: string;
  readonly value?: unknown;
}

/** The keys that a pointer names, outermost first. Throws `INVALID_INPUT`. */
export function keysOf(path: string): string[] {
  if (!path.startsWith("/") || /~(?![01])/.test(path)) {
    throw new RuntimeError(
      "INVALID_INPUT",
      `Cannot read the path "${path}": it is no JSON Pointer below the whole; write "/key" or "/key/0"`,
    );
  }
  return path
    .slice(1)
    .split("/")
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** Changes `document`, which is the caller's own copy. Throws `INVALID_INPUT` where the patch names what is not there. */
export function patch(document: unknown, { op, path, value }: PatchOp): void {
  const keys = keysOf(path);
  const last = keys.pop()!;
  const parent = keys.reduce<unknown>(
    (at, key) => (isIn(at, key) ? (at as Record<string, unknown>)[key] : undefined),
    document,
  );
  const refuse = (why: string): never => {
    throw new RuntimeError("INVALID_INPUT", `Cannot ${op} "${path}": ${why}; nothing was changed`);
  };
  if (Array.isArray(parent)) {
    const index =
      last === "-" && op === "add" ? parent.length : /^(0|[1-9]\d*)$/.test(last) ? Number(last) : Number.NaN;
    const end = op === "add" ? parent.length : parent.length - 1;
    if (!(index <= end)) refuse(`the list has ${parent.length} items, and none of this number`);
    if (op === "add") parent.splice(index, 0, value);
    else if (op === "remove") parent.splice(index, 1);
    else parent[index] = value;
    return;
  }
  if (typeof parent !== "object" || parent === null) return refuse("there is nothing that could hold it");
  if (op !== "add" && !Object.hasOwn(parent, last)) refuse("there is no such key");
  if (op === "remove") delete (parent as Record<string, unknown>)[last];
  // Defined, not assigned: a key named __proto__ must stay a key.
  else Object.defineProperty(parent, last, { value, enumerable: true, configurable: true, writable: true });
}

const isIn = (at: unknown, key: string): boolean => typeof at === "object" && at !== null && Object.hasOwn(at, key);
