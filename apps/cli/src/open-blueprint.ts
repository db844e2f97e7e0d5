import { readdir, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";

import {
  constructs,
  coreNodes,
  hostCatalog,
  openLibrary,
  RuntimeError,
  type AnyNodeDef,
  type Blueprint,
  type NodeCatalog,
  type Problem,
} from "@atomiton/runtime";

import { CliError } from "./cli-error.ts";

const BLUEPRINT_FILE = /\.blueprint\.(?:ya?ml|json)$/;

/** A file given to the command, and the folder that it may use. */
export interface Place {
  /** The folder that the runtime may read below, as the user would name it. */
  readonly root: string;
  /** The file, from `root`. */
  readonly path: string;
}

/** Below the current folder, if the file is there, so that it may use its neighbours; else below its own folder. */
export function placeOf(file: string, folder: string = process.cwd()): Place {
  const path = relative(folder, resolve(folder, file));
  const isOutside = path === "" || path.startsWith("..") || isAbsolute(path);
  return isOutside ? { root: dirname(file), path: basename(file) } : { root: ".", path };
}

/** The core nodes, the engine's own, and the user's. */
export function catalogOf(nodes: readonly AnyNodeDef[]): NodeCatalog {
  try {
    return hostCatalog([...constructs, ...coreNodes, ...nodes]);
  } catch (error) {
    if (error instanceof RuntimeError) throw new CliError(error.message);
    throw error;
  }
}

export interface OpenedBlueprint extends Place {
  /** Left out where there are errors among the problems. */
  readonly blueprint?: Blueprint;
  readonly problems: readonly Problem[];
}

/** Paths of the Blueprints right in a folder, as the user would name them, sorted. */
async function blueprintsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => BLUEPRINT_FILE.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/** What might have been meant by a file that is not there. */
async function blueprintsNear(file: string): Promise<string> {
  const known = await blueprintsIn(dirname(file));
  const asked = basename(file).replace(/\..*$/, "").toLowerCase();
  const near = known.find((path) => {
    const name = basename(path).replace(BLUEPRINT_FILE, "").toLowerCase();
    return asked !== "" && (name.includes(asked) || asked.includes(name));
  });
  if (near !== undefined) return `did you mean "${near}"?`;
  return known.length === 0 ? "check the path" : `beside it would be ${known.slice(0, 5).join(", ")}`;
}

/** Reads and checks a file. Throws `CliError` where there is no such Blueprint file. */
export async function openBlueprint(file: string, catalog: NodeCatalog): Promise<OpenedBlueprint> {
  const place = placeOf(file);
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) {
    const near = await blueprintsNear(file);
    throw new CliError(`Cannot read "${file}": there is no such file; ${near}`);
  }
  if (found.isDirectory()) {
    const [first] = await blueprintsIn(file);
    const wayOut = first === undefined ? "name a file that ends in .blueprint.yaml" : `name a file in it: ${first}`;
    throw new CliError(`Cannot read "${file}": it is a folder; ${wayOut}`);
  }
  if (!BLUEPRINT_FILE.test(file)) {
    throw new CliError(
      `Cannot read "${file}": its name is not that of a Blueprint; such files end in .blueprint.yaml, .blueprint.yml or .blueprint.json`,
    );
  }
  const library = openLibrary(place.root, { catalog });
  try {
    const problems = (await library.describe(place.path)).problems as Problem[];
    const isRunnable = problems.every(({ severity }) => severity !== "error");
    return { ...place, problems, ...(isRunnable ? { blueprint: await library.load(place.path) } : {}) };
  } catch (error) {
    if (error instanceof RuntimeError) throw new CliError(error.message);
    throw error;
  }
}
