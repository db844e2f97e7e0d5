/** The node types that a host knows. Passed in wherever one is needed: no global registry. */

import { RuntimeError } from "../errors.ts";
import type { AnyNodeDef } from "./define-node.ts";

export interface NodeCatalog {
  /** The newest version of that major; without a major, of the newest major. */
  get(type: string, major?: number): AnyNodeDef | undefined;
  /** Every definition, by type, then version. */
  all(): readonly AnyNodeDef[];
  /** Loads the packages of types that `get` was asked for and did not have. True where a check may now find otherwise. */
  load?(): Promise<boolean>;
  /** Why a type that a package would bring is not there, and what would help. */
  missing?(type: string): string | undefined;
}

const TYPE = /^[a-z][a-z0-9-]*\/[A-Za-z][A-Za-z0-9.-]*$/;
const VERSION = /^(\d+)\.(\d+)\.(\d+)(?:-[0-9A-Za-z.-]+)?$/;

/** The major of a definition's version; what `@1` in a file pins. */
export const majorOf = (def: { readonly version: string }): number => Number(VERSION.exec(def.version)?.[1] ?? 0);

/**
 * Makes a catalogue of node definitions.
 * @throws RuntimeError DUPLICATE_NODE_TYPE when a type has two definitions of one major; CONFIG when a type or version is malformed.
 * @example const catalog = createCatalog([...coreNodes, shout])
 */
export function createCatalog(defs: Iterable<AnyNodeDef>): NodeCatalog {
  const types = new Map<string, Map<number, AnyNodeDef>>();
  for (const def of defs) {
    if (!TYPE.test(def.type)) {
      throw new RuntimeError(
        "CONFIG",
        `Cannot register the node type "${def.type}": not of the form "group/name"; for example "acme/shout"`,
        { type: def.type },
      );
    }
    if (!VERSION.test(def.version)) {
      throw new RuntimeError(
        "CONFIG",
        `Cannot register ${def.type}: its version "${def.version}" is not semver; for example "1.0.0"`,
        { type: def.type, version: def.version },
      );
    }
    const majors = types.get(def.type) ?? new Map<number, AnyNodeDef>();
    types.set(def.type, majors);
    const major = majorOf(def);
    const taken = majors.get(major);
    if (taken) {
      throw new RuntimeError(
        "DUPLICATE_NODE_TYPE",
        `Cannot register ${def.type}@${major} (${def.version}): version ${taken.version} is already registered; rename one, or raise its major`,
        { type: def.type, version: def.version, registered: taken.version },
      );
    }
    majors.set(major, def);
  }
  const list = [...types.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, majors]) => [...majors.entries()].sort(([a], [b]) => a - b).map(([, def]) => def));
  return {
    get(type, major) {
      const majors = types.get(type);
      return majors?.get(major ?? Math.max(...majors.keys()));
    },
    all: () => list,
  };
}
