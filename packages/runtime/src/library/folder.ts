/** The files of a library: found below one folder, read without leaving it. */

import { isUtf8 } from "node:buffer";
import { lstatSync, readFileSync, realpathSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { isAbsolute, join, relative, resolve, sep } from "node:path";

import { RuntimeError } from "../errors.ts";

export const BLUEPRINT_FILE = /\.blueprint\.(?:ya?ml|json)$/;

/** Blueprints below one folder. */
const MAX_FILES = 1_000;
/** Files and folders looked at: a home folder is no library. */
const MAX_ENTRIES = 100_000;
/** Bytes of one file; the parser's own limits are below. */
const MAX_FILE_BYTES = 80 * 1024 * 1024;

/**
 * Paths of all Blueprint files below `dir`, relative to it with `/`, sorted. Hidden folders, `node_modules` and symbolic links are left out.
 * @throws RuntimeError LIMIT when there are too many; UNKNOWN_BLUEPRINT when there is no such folder.
 */
export async function findBlueprints(dir: string): Promise<string[]> {
  const found: string[] = [];
  const folders = [""];
  let entries = 0;
  for (let folder; (folder = folders.pop()) !== undefined;) {
    for (const entry of await readFolder(dir, folder)) {
      if (++entries > MAX_ENTRIES) throw tooMany(dir, `more than ${MAX_ENTRIES} files and folders`);
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!entry.name.startsWith(".") && entry.name !== "node_modules") folders.push(path);
      } else if (entry.isFile() && BLUEPRINT_FILE.test(entry.name)) {
        if (found.push(path) > MAX_FILES) throw tooMany(dir, `more than ${MAX_FILES} Blueprints`);
      }
    }
  }
  return found.sort();
}

async function readFolder(dir: string, folder: string): ReturnType<typeof readEntries> {
  try {
    return await readEntries(join(dir, folder));
  } catch (error) {
    // A folder inside may vanish or be closed to us while others are read; the library's own may not.
    if (folder !== "") return [];
    throw new RuntimeError(
      "UNKNOWN_BLUEPRINT",
      `Cannot read the folder ${dir}: ${reason(error)}; name a folder that exists`,
      { dir },
      { cause: error },
    );
  }
}

const readEntries = (path: string) => readdir(path, { withFileTypes: true });

const tooMany = (dir: string, what: string): RuntimeError =>
  new RuntimeError("LIMIT", `Cannot list the Blueprints of ${dir}: it holds ${what}; open a smaller folder`, { dir });

/** `ENOENT: no such file` → `no such file`; other texts as they are. */
export const reason = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/^[A-Z]+: /, "").replace(/, \w+ '.*'$/s, "");

export interface FoundFile {
  /** Relative to the library's folder, with `/`. */
  readonly path: string;
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly changedAt: number;
  /** The same for as long as the file is; undefined where a change right after the reading might not show in it. */
  readonly stamp: string | undefined;
  /** Why its bytes are no text; `text` is empty then. */
  readonly fault?: string;
}

/** A change shows in a file's times only when it comes later than their grain, which is two seconds at most. */
const GRAIN_MS = 2_000;

/**
 * Reads a Blueprint file below `dir`. `path` is relative to `dir`, or absolute. `known` gives what was read at a path
 * before: it is given back as long as the file's stamp is the same.
 * @throws RuntimeError UNKNOWN_BLUEPRINT when it is not there, not a Blueprint file, or (by `..` or a symbolic link) not below `dir`.
 */
export function readBelow(
  dir: string,
  path: string,
  known: (path: string) => FoundFile | undefined = () => undefined,
): FoundFile {
  const refuse = (why: string, wayOut: string, cause?: unknown): RuntimeError =>
    new RuntimeError(
      "UNKNOWN_BLUEPRINT",
      `Cannot read the Blueprint "${path}": ${why}; ${wayOut}`,
      { path },
      { cause },
    );
  if (path.includes("\0") || !BLUEPRINT_FILE.test(path))
    throw refuse("it is no Blueprint file", "its name ends in .blueprint.yaml, .blueprint.yml or .blueprint.json");
  const target = resolve(dir, path);
  const inside = relative(resolve(dir), target);
  if (leaves(inside))
    throw refuse("it is outside the library's folder", "put it inside, or open the folder that holds both");
  try {
    const [realDir, real] = [realpathSync(dir), realpathSync(target)];
    if (leaves(relative(realDir, real)))
      throw refuse("a symbolic link leads out of the library's folder", "put the file itself inside");
    if (!BLUEPRINT_FILE.test(real) || !lstatSync(real).isFile())
      throw refuse("it is no Blueprint file", "name the file itself");
    const { dev, ino, size, mtimeNs, ctimeNs, mtimeMs, ctimeMs } = statSync(real, { bigint: true });
    if (size > MAX_FILE_BYTES)
      throw refuse(`it has ${size} bytes, the limit is ${MAX_FILE_BYTES}`, "split it into sub-blueprints");
    const name = inside.split(sep).join("/");
    const before = known(name);
    const stamp = [real, dev, ino, size, mtimeNs, ctimeNs].join(":");
    if (before?.stamp === stamp) return before;
    const rested = Date.now() - Number(ctimeMs) > GRAIN_MS;
    return { path: name, changedAt: Number(mtimeMs), stamp: rested ? stamp : undefined, ...textOf(readFileSync(real)) };
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    throw refuse(reason(error), "check the path", error);
  }
}

function textOf(bytes: Buffer): { text: string; fault?: string } {
  const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  if (utf16) return { text: "", fault: "it is UTF-16, not UTF-8 text; save it as UTF-8" };
  if (!isUtf8(bytes) || bytes.includes(0))
    return { text: "", fault: "it is not UTF-8 text; save it as UTF-8, or name another file" };
  return { text: bytes.toString("utf8") };
}

const leaves = (path: string): boolean => path === ".." || path.startsWith(`..${sep}`) || isAbsolute(path);
