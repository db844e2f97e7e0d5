import { createReadStream } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { basename, extname, isAbsolute, relative, resolve } from "node:path";

import type { BlobStore } from "../../blobs/blob-store.ts";
import type { BlobRef } from "../../blueprint/define-node.ts";
import type { Blueprint, InputDecl } from "../../blueprint/model.ts";
import type { Values } from "../run/scope.ts";
import type { InputProblem } from "./blueprint-inputs.ts";

/** Where an input says nothing else, and its file's name tells. */
const TYPES: ReadonlyMap<string, string> = new Map([
  [".csv", "text/csv"],
  [".txt", "text/plain"],
  [".md", "text/markdown"],
  [".json", "application/json"],
  [".html", "text/html"],
  [".xml", "application/xml"],
  [".yaml", "application/yaml"],
  [".yml", "application/yaml"],
  [".png", "image/png"],
  [".jpg", "image/jpeg"],
  [".jpeg", "image/jpeg"],
  [".webp", "image/webp"],
  [".svg", "image/svg+xml"],
  [".pdf", "application/pdf"],
]);

/**
 * Puts the files that inputs of type `file` (or `list<file>`) name by path into the blob store. Only files below
 * `folders` are read, links followed: an input may come from a page.
 */
export async function readFileInputs(
  blueprint: Blueprint,
  given: Values,
  folders: readonly string[],
  blobs: BlobStore,
): Promise<{ values: Values; problems: InputProblem[] }> {
  const values: Record<string, unknown> = { ...given };
  const problems: InputProblem[] = [];
  const read = async (decl: InputDecl, path: string): Promise<BlobRef | undefined> => {
    const found = await locate(path, folders);
    if (typeof found === "string") return await store(decl, found, blobs);
    problems.push({ input: decl.name, message: `input "${decl.name}": cannot read "${path}": ${found.state}` });
    return undefined;
  };
  for (const [name, decl] of blueprint.inputs) {
    const value = Object.hasOwn(given, name) && given[name] !== undefined ? given[name] : decl.default;
    if (decl.type.t === "file" && typeof value === "string") {
      values[name] = await read(decl, value);
    } else if (decl.type.t === "list" && decl.type.of.t === "file" && Array.isArray(value)) {
      const files: unknown[] = [];
      for (const one of value as unknown[]) files.push(typeof one === "string" ? await read(decl, one) : one);
      values[name] = files;
    }
  }
  return { values, problems };
}

async function locate(path: string, folders: readonly string[]): Promise<string | { state: string }> {
  let state = "there is no such file; give a path below the Blueprint's or the host's folder";
  for (const folder of folders) {
    const wanted = resolve(folder, path);
    const real = await realpath(wanted).catch(() => undefined);
    if (real === undefined) continue;
    if (!isBelow(await realpath(folder), real)) {
      state = "it is outside of the Blueprint's and the host's folder; copy it there";
      continue;
    }
    if ((await stat(real)).isFile()) return real;
    state = "it is not a file; give the path of one";
  }
  return { state };
}

function isBelow(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== "" && !way.startsWith("..") && !isAbsolute(way);
}

async function store(decl: InputDecl, path: string, blobs: BlobStore): Promise<BlobRef> {
  const type = decl.mediaType ?? TYPES.get(extname(path).toLowerCase()) ?? "application/octet-stream";
  return await blobs.put(createReadStream(path), { type, name: basename(path) });
}
