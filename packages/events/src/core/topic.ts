const STAR = 0x2a;

/** `*` hears everything, `runtime:*` every name that begins with `runtime:`. Only a trailing star means something. */
export function isPattern(name: string): boolean {
  return name.charCodeAt(name.length - 1) === STAR;
}

export function matches(pattern: string, name: string): boolean {
  return isPattern(pattern) ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

/** A `where` made ready to compare: pairs, so that a name from the wire is never looked up on a prototype. */
export type Match = readonly (readonly [field: string, value: unknown])[];

/** Undefined where nothing has to match. Throws a TypeError on a value that cannot be compared across a boundary. */
export function compileWhere(where: Readonly<Record<string, unknown>> | undefined): Match | undefined {
  if (where === undefined) return undefined;
  const pairs = Object.entries(where).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [field, value] of pairs) {
    if (value !== null && (typeof value === "object" || typeof value === "function" || typeof value === "symbol")) {
      throw new TypeError(
        `Cannot compare "${field}" with a value of type ${typeof value}: "where" is an equality match; use a string, number, boolean, null or undefined`,
      );
    }
  }
  return pairs.length === 0 ? undefined : pairs;
}

export function fits(match: Match | undefined, data: unknown): boolean {
  if (match === undefined) return true;
  if (typeof data !== "object" || data === null) return false;
  for (const [field, value] of match) {
    const found: unknown = Object.hasOwn(data, field) ? Reflect.get(data, field) : undefined;
    if (!Object.is(found, value)) return false;
  }
  return true;
}

/** Equal for equal patterns and filters: what is announced once for many subscriptions. */
export function interestKey(kind: string, pattern: string, match: Match | undefined): string {
  if (match === undefined) return `${kind} ${pattern}`;
  return `${kind} ${pattern} ${JSON.stringify(match.map(([field, value]) => [field, typeof value, String(value)]))}`;
}
