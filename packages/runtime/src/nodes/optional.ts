/**
 * Node types that come with packages of their own, as their libraries are heavy. A package is loaded when a check first
 * asks for one of its types: from the Blueprints' folder, else from where the runtime is installed.
 *
 * 1. `get` answers at once, and notes what it does not have; `load` then loads, and the check is made again.
 * 2. What is not installed is looked for anew at each check: nothing is to be restarted after an installation.
 */
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { createCatalog, type NodeCatalog } from "../blueprint/catalog.ts";
import type { AnyNodeDef } from "../blueprint/define-node.ts";

/** Start of a type's name to the package that brings it. */
export const optionalPackages: Readonly<Record<string, string>> = {
  "core/archive.": "@atomiton/nodes-archive",
  "core/email.": "@atomiton/nodes-mail",
  "core/image.": "@atomiton/nodes-image",
  "core/pdf.": "@atomiton/nodes-pdf",
  "core/sql.": "@atomiton/nodes-sql",
  "core/xlsx.": "@atomiton/nodes-sheet",
};

const packageOf = (type: string): string | undefined =>
  Object.entries(optionalPackages).find(([start]) => type.startsWith(start))?.[1];

/**
 * A catalogue of these definitions, and of the optional packages that are installed. `folder`: where the Blueprints are.
 * @throws RuntimeError as `createCatalog` does.
 * @example const catalog = hostCatalog([...constructs, ...coreNodes, shout], "blueprints")
 */
export function hostCatalog(defs: Iterable<AnyNodeDef>, folder = "."): NodeCatalog {
  let known = [...defs];
  let catalog = createCatalog(known);
  const wanted = new Set<string>();
  const loaded = new Set<string>();
  /** Packages that are installed and cannot be loaded, and why. */
  const broken = new Map<string, string>();

  /** True where the package brought types, or fails in another way than before. */
  const load = async (name: string): Promise<boolean> => {
    const place = placeOf(name, folder);
    if (place === undefined) return broken.delete(name);
    try {
      const found = nodesOf((await import(/* @vite-ignore */ place)) as Record<string, unknown>, place);
      catalog = createCatalog([...known, ...found]);
      known = [...known, ...found];
      loaded.add(name);
      broken.delete(name);
      return true;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (broken.get(name) === why) return false;
      broken.set(name, why);
      return true;
    }
  };

  return {
    get(type, major) {
      const def = catalog.get(type, major);
      const name = def ? undefined : packageOf(type);
      if (name !== undefined && !loaded.has(name)) wanted.add(name);
      return def;
    },
    all: () => catalog.all(),
    async load() {
      const names = [...wanted];
      wanted.clear();
      let hasChanged = false;
      // One after the other: each makes the catalogue anew.
      for (const name of names) hasChanged = (!loaded.has(name) && (await load(name))) || hasChanged;
      return hasChanged;
    },
    missing(type) {
      const name = packageOf(type);
      if (name === undefined || loaded.has(name)) return undefined;
      const why = broken.get(name);
      return why === undefined
        ? `it comes with the package ${name}, which is not installed; run: npm install ${name}`
        : `its package ${name} cannot be loaded: ${why}; run: npm install ${name}`;
    },
  };
}

function placeOf(name: string, folder: string): string | undefined {
  for (const from of [pathToFileURL(join(resolve(folder), "x")).href, import.meta.url]) {
    try {
      return pathToFileURL(createRequire(from).resolve(name)).href;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  return undefined;
}

/** Threads and processes load a node from where it was found, unless it says otherwise. */
function nodesOf(exported: Record<string, unknown>, place: string): AnyNodeDef[] {
  const isNode = (value: unknown): value is AnyNodeDef =>
    typeof value === "object" && value !== null && typeof (value as Partial<AnyNodeDef>).run === "function";
  return Object.values(exported)
    .filter(isNode)
    .map((def) => (def.runsOn === "inline" || def.module !== undefined ? def : { ...def, module: place }));
}
