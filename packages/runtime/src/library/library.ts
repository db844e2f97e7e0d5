/** The Blueprints of one folder, by id or path: listed, loaded, checked, and drawn. */

import { basename, dirname, join, relative, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";

import type { NodeCatalog } from "../blueprint/catalog.ts";
import type { Parsed } from "../blueprint/draft.ts";
import type { Blueprint, NodeDecl, Problem } from "../blueprint/model.ts";
import { formatPortType } from "../blueprint/port-type.ts";
import { nearest, wayOut } from "../blueprint/suggest.ts";
import { RuntimeError } from "../errors.ts";
import type { BlueprintEntry, BlueprintInfo } from "../library-contract.ts";
import { BLUEPRINT_FILE, findBlueprints, type FoundFile, reason } from "./folder.ts";
import { type Graph, graphOf } from "./graph.ts";
import { KeptFiles, type Opened } from "./kept-files.ts";

export interface Library {
  /** As it was given. */
  readonly dir: string;
  /**
   * Every Blueprint below the folder, by path. Where two files share an id, both go by their paths.
   * @throws RuntimeError LIMIT for folders that hold too much, UNKNOWN_BLUEPRINT when the folder is not there.
   */
  list(): Promise<BlueprintEntry[]>;
  /**
   * A Blueprint that can run, by its id or by its path below the folder.
   * @throws RuntimeError UNKNOWN_BLUEPRINT; INVALID_BLUEPRINT with `details.problems`.
   */
  load(idOrPath: string): Promise<Blueprint>;
  /** What forms and pictures show of a Blueprint, also of one with problems. @throws RuntimeError UNKNOWN_BLUEPRINT. */
  describe(idOrPath: string): Promise<BlueprintInfo>;
  /** Nodes and wires alone. @throws RuntimeError UNKNOWN_BLUEPRINT; INVALID_BLUEPRINT when the file cannot be read. */
  graph(idOrPath: string): Promise<Graph>;
  /** For `checkBlueprint`: the Blueprint at `path`, relative to the file that names it. Never throws. Cached by content. */
  loadSub(path: string, fromFile: string): { blueprint?: Blueprint; problems: Problem[] };
}

export interface LibraryOptions {
  /** Left out: files are parsed, but not checked against node types. */
  catalog?: NodeCatalog;
}

const NO_TYPES: NodeCatalog = { get: () => undefined, all: () => [] };

/**
 * Opens the Blueprints of a folder. Nothing is read before it is asked for, and nothing is watched.
 * @example
 * const library = openLibrary("blueprints", { catalog: createCatalog(coreNodes) })
 * const blueprint = await library.load("feed.blueprint.yaml")
 */
export const openLibrary = (dir: string, options: LibraryOptions = {}): Library => new FolderLibrary(dir, options);

class FolderLibrary implements Library {
  readonly dir: string;
  readonly #catalog: NodeCatalog | undefined;
  readonly #files: KeptFiles;

  constructor(dir: string, { catalog }: LibraryOptions) {
    this.dir = dir;
    this.#catalog = catalog;
    this.#files = new KeptFiles(dir);
  }

  async list(): Promise<BlueprintEntry[]> {
    const entries: BlueprintEntry[] = [];
    for (const path of await findBlueprints(this.dir)) {
      entries.push(await this.#entryOf(path));
      // A folder of many files must not hold up what else runs here.
      await setImmediate();
    }
    const taken = new Map<string, number>();
    for (const { id } of entries) taken.set(id, (taken.get(id) ?? 0) + 1);
    return entries.map((entry) => ((taken.get(entry.id) ?? 0) > 1 ? { ...entry, id: entry.file } : entry));
  }

  async load(idOrPath: string): Promise<Blueprint> {
    const { blueprint, problems } = await this.#judgeLoaded(await this.#open(idOrPath));
    const errors = problems.filter((problem) => problem.severity === "error");
    if (blueprint && errors.length === 0) return blueprint;
    throw invalid(idOrPath, problems, errors);
  }

  async describe(idOrPath: string): Promise<BlueprintInfo> {
    const opened = await this.#open(idOrPath);
    const { blueprint, problems } = await this.#judgeLoaded(opened);
    const entry = entryFor(opened.found, blueprint, problems);
    const isShared = ((await this.#ids()).get(entry.id)?.length ?? 0) > 1;
    return {
      ...entry,
      id: isShared ? entry.file : entry.id,
      source: opened.found.text,
      graph: blueprint ? this.#graphOf(blueprint) : { nodes: [], wires: [] },
      inputs: [...(blueprint?.inputs.values() ?? [])].map(({ at: _at, defaultAt: _defaultAt, type, ...input }) => ({
        ...input,
        type: formatPortType(type),
        schema: { ...input.schema },
      })),
      outputs: [...(blueprint?.outputs.values() ?? [])].map(({ name, type, description }) => ({
        name,
        type: formatPortType(type),
        ...(description === undefined ? {} : { description }),
      })),
      problems,
    };
  }

  async graph(idOrPath: string): Promise<Graph> {
    const { blueprint, problems } = (await this.#open(idOrPath)).parsed;
    if (!blueprint) throw invalid(idOrPath, problems, problems);
    return this.#graphOf(blueprint);
  }

  loadSub(path: string, fromFile: string): Parsed {
    const target = join(dirname(fromFile), path);
    try {
      return this.#files.read(relative(resolve(this.dir), resolve(target))).parsed;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return {
        problems: [{ code: "BLUEPRINT_REF", severity: "error", file: target, line: 1, column: 1, where: "", message }],
      };
    }
  }

  #graphOf(blueprint: Blueprint): Graph {
    return graphOf(blueprint, this.#catalog ?? NO_TYPES, (path) => this.loadSub(path, blueprint.file).blueprint);
  }

  async #entryOf(path: string): Promise<BlueprintEntry> {
    try {
      const opened = this.#files.read(path);
      const { blueprint, problems } = await this.#judgeLoaded(opened);
      return entryFor(opened.found, blueprint, problems);
    } catch (error) {
      // Vanished or closed to us since the folder was read: listed, so that nobody wonders where it is.
      return {
        id: path,
        name: path,
        version: "0.0.0",
        description: reason(error),
        file: path,
        nodes: 0,
        errors: 1,
        warnings: 0,
        changedAt: 0,
      };
    }
  }

  /** Of an id only its own file is judged; of the others nothing but their ids is read. */
  async #open(idOrPath: string): Promise<Opened> {
    if (BLUEPRINT_FILE.test(idOrPath)) return this.#files.read(idOrPath);
    const ids = await this.#ids();
    const [file, ...twins] = ids.get(idOrPath) ?? [];
    if (file === undefined) throw this.#unknown(idOrPath, ids);
    if (twins.length === 0) return this.#files.read(file);
    const files = [file, ...twins];
    throw new RuntimeError(
      "INVALID_BLUEPRINT",
      `Cannot load the Blueprint "${idOrPath}": ${files.length} files have this id (${files.join(", ")}); give each its own, or name the path`,
      { id: idOrPath, files },
    );
  }

  async #ids(): Promise<Map<string, string[]>> {
    return this.#files.idsOf(await findBlueprints(this.dir));
  }

  #unknown(id: string, ids: ReadonlyMap<string, readonly string[]>): RuntimeError {
    const known = [...ids].flatMap(([other, files]) => (files.length > 1 ? files : [other])).sort();
    // A name or a file's name may be what was meant; what is listed is each Blueprint once.
    const near = nearest(id, known) ?? this.#byOtherName(id, ids);
    const way = near === undefined ? wayOut(id, known, "the folder holds none") : `did you mean "${near}"?`;
    return new RuntimeError(
      "UNKNOWN_BLUEPRINT",
      `Cannot load the Blueprint "${id}": no file in ${this.dir} has this id; ${way}`,
      { id, dir: this.dir },
    );
  }

  /** The id of the Blueprint whose name or file name is near. */
  #byOtherName(wanted: string, ids: ReadonlyMap<string, readonly string[]>): string | undefined {
    const names = new Map<string, string>();
    for (const [id, files] of ids) {
      for (const file of files) {
        const shown = files.length > 1 ? file : id;
        for (const name of [file, basename(file).replace(BLUEPRINT_FILE, "")]) names.set(name, shown);
        names.set(this.#nameOf(file) ?? shown, shown);
      }
    }
    const near = nearest(wanted, names.keys());
    return near === undefined ? undefined : names.get(near);
  }

  #nameOf(file: string): string | undefined {
    try {
      return this.#files.read(file).parsed.blueprint?.name;
    } catch {
      return undefined;
    }
  }

  /** Node types that come with packages are loaded when a Blueprint first asks for them. */
  async #judgeLoaded(opened: Opened): Promise<{ blueprint?: Blueprint; problems: Problem[] }> {
    const judged = this.#judge(opened);
    return (await this.#catalog?.load?.()) ? this.#judge(opened) : judged;
  }

  #judge({ parsed }: Opened): { blueprint?: Blueprint; problems: Problem[] } {
    const load = (path: string, fromFile: string) => this.loadSub(path, fromFile);
    const problems = this.#catalog ? this.#files.check(parsed, this.#catalog, load) : [...parsed.problems];
    return parsed.blueprint ? { blueprint: parsed.blueprint, problems } : { problems };
  }
}

function entryFor(found: FoundFile, blueprint: Blueprint | undefined, problems: readonly Problem[]): BlueprintEntry {
  const errors = problems.filter((problem) => problem.severity === "error").length;
  return {
    id: blueprint?.id ?? found.path,
    name: blueprint?.name ?? found.path,
    version: blueprint?.version ?? "0.0.0",
    ...(blueprint?.description === undefined ? {} : { description: blueprint.description }),
    file: found.path,
    nodes: blueprint ? countNodes(blueprint) : 0,
    errors,
    warnings: problems.length - errors,
    changedAt: found.changedAt,
  };
}

function countNodes(blueprint: Blueprint): number {
  let count = 0;
  const layers: ReadonlyMap<string, NodeDecl>[] = [blueprint.nodes];
  for (let nodes; (nodes = layers.pop());) {
    count += nodes.size;
    for (const { body } of nodes.values()) if (body) layers.push(body.nodes);
  }
  return count;
}

function invalid(idOrPath: string, problems: readonly Problem[], errors: readonly Problem[]): RuntimeError {
  const [first] = errors;
  const more = errors.length > 1 ? `, and ${errors.length - 1} more` : "";
  const where = first ? `${first.file}:${first.line}:${first.column} ${first.message}${more}` : "it cannot be read";
  return new RuntimeError("INVALID_BLUEPRINT", `Cannot run the Blueprint "${idOrPath}": ${where}; mend the file`, {
    blueprint: idOrPath,
    problems,
  });
}
