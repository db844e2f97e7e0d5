import { basename, dirname, isAbsolute, relative, resolve } from "node:path";

import {
  constructs,
  coreNodes,
  createCatalog,
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
    return createCatalog([...constructs, ...coreNodes, ...nodes]);
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

/** Reads and checks a file. Throws `CliError` where there is no such Blueprint file. */
export async function openBlueprint(file: string, catalog: NodeCatalog): Promise<OpenedBlueprint> {
  const place = placeOf(file);
  if (!BLUEPRINT_FILE.test(file)) {
    throw new CliError(`Cannot read "${file}": its name is not that of a Blueprint; such files end in .blueprint.yaml`);
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
