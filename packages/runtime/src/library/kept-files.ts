/**
 * Files of a library as they were last read, parsed and checked: nothing is done twice for the same content.
 *
 * 1. A file whose stamp is the same is not read; one whose text is the same is not parsed.
 * 2. What a check found is good as long as every Blueprint that it loaded is still the same one.
 * 3. Bounded by the characters of the texts, the least recently used going first; ids by the files of the folder.
 */
import { join, sep } from "node:path";

import type { NodeCatalog } from "../blueprint/catalog.ts";
import { examine, type Parsed } from "../blueprint/draft.ts";
import type { Problem } from "../blueprint/model.ts";
import { parseBlueprint } from "../blueprint/parse.ts";
import { type FoundFile, readBelow } from "./folder.ts";

export interface Opened {
  readonly found: FoundFile;
  /** The same object for the same content. */
  readonly parsed: Parsed;
}

/** Characters of the files that are kept; a larger one is parsed each time. */
const KEPT_CHARACTERS = 8 * 1024 * 1024;
/** Files of one folder: as many as a library lists. */
const KEPT_FILES = 1_000;

type LoadSub = (path: string, fromFile: string) => Parsed;

interface Use {
  readonly path: string;
  readonly from: string;
  readonly found: Parsed;
}
interface Checked {
  /** What the catalogue had: packages may be loaded later. */
  readonly types: ReturnType<NodeCatalog["all"]>;
  readonly problems: readonly Problem[];
  readonly used: readonly Use[];
}

export class KeptFiles {
  readonly #dir: string;
  readonly #opened = new Map<string, Opened>();
  readonly #checked = new WeakMap<Parsed, Checked>();
  /** Of the files found last; `found` without its text. */
  #ids = new Map<string, { readonly found: FoundFile; readonly id: string | undefined }>();
  #characters = 0;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Throws as `readBelow` does. */
  read(path: string): Opened {
    return this.#open(readBelow(this.#dir, path, (name) => this.#opened.get(name)?.found));
  }

  /** Paths by the id that their files give. Files that cannot be read give none. */
  idsOf(paths: readonly string[]): Map<string, string[]> {
    const known = this.#ids;
    this.#ids = new Map();
    const files = new Map<string, string[]>();
    for (const path of paths) {
      const id = this.#idOf(path, known.get(path));
      if (id !== undefined) files.set(id, [...(files.get(id) ?? []), path]);
    }
    return files;
  }

  /** What `examine` says of it. The list is the caller's own. */
  check(parsed: Parsed, catalog: NodeCatalog, load: LoadSub): Problem[] {
    const known = this.#checked.get(parsed);
    const isAsBefore =
      known?.types === catalog.all() && !known.problems.some(({ code }) => code === "UNKNOWN_NODE_TYPE");
    if (isAsBefore && known.used.every(({ path, from, found }) => isSame(load(path, from), found))) {
      return [...known.problems];
    }
    const used = new Map<string, Use>();
    const problems = examine(parsed, catalog, {
      load: (path, from) => {
        const found = load(path, from);
        used.set(`${from}\n${path}`, { path, from, found });
        return found;
      },
    });
    this.#checked.set(parsed, { types: catalog.all(), problems, used: [...used.values()] });
    return [...problems];
  }

  #idOf(path: string, known: { found: FoundFile; id: string | undefined } | undefined): string | undefined {
    try {
      const found = readBelow(this.#dir, path, () => known?.found ?? this.#opened.get(path)?.found);
      const id = known?.found === found ? known.id : this.#open(found).parsed.blueprint?.id;
      this.#ids.set(path, { found: { ...found, text: "" }, id });
      return id;
    } catch {
      return undefined;
    }
  }

  #open(found: FoundFile): Opened {
    const kept = this.#opened.get(found.path);
    const isKept = kept?.found.text === found.text && kept.found.fault === found.fault;
    const opened = { found, parsed: kept && isKept ? kept.parsed : this.#parse(found) };
    this.#keep(opened);
    return opened;
  }

  #parse({ path, text, fault }: FoundFile): Parsed {
    // As the user named the folder: what messages show, and where relative paths of the Blueprint start.
    const file = join(this.#dir, path.split("/").join(sep));
    if (fault === undefined) return parseBlueprint(text, file);
    const message = `Cannot read the file: ${fault}`;
    return { problems: [{ code: "SYNTAX", severity: "error", file, line: 1, column: 1, where: "", message }] };
  }

  #keep(opened: Opened): void {
    const { path, text } = opened.found;
    this.#forget(path);
    if (text.length > KEPT_CHARACTERS) return;
    this.#opened.set(path, opened);
    this.#characters += text.length;
    for (const oldest of this.#opened.keys()) {
      if (this.#characters <= KEPT_CHARACTERS && this.#opened.size <= KEPT_FILES) break;
      this.#forget(oldest);
    }
  }

  #forget(path: string): void {
    this.#characters -= this.#opened.get(path)?.found.text.length ?? 0;
    this.#opened.delete(path);
  }
}

/** One that cannot be loaded is the same for as long as the reason is. */
function isSame(now: Parsed, before: Parsed): boolean {
  if (now.blueprint ?? before.blueprint) return now.blueprint === before.blueprint;
  return now.draft === before.draft && now.problems[0]?.message === before.problems[0]?.message;
}
