/**
 * Blobs whose executions are gone. Rules: a removal marks the folder, the next host sweeps it when it takes it, before
 * anything of it runs; what a journal, a summary or a value of theirs names stays, and what was put within a day.
 */
import { createReadStream } from "node:fs";
import { open, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { placesIn } from "./data-folder.ts";

const MARK = "blobs.unswept";
/** Somebody may have put it for an execution that is yet to come. */
const FRESH_MS = 24 * 60 * 60 * 1_000;
const NAME = /sha256:([0-9a-f]{64})/g;
const NAME_LENGTH = "sha256:".length + 64;
/** How a value in a blob begins (see stored-values.ts): it may name others. */
const VALUE_MARK = 0xff;

/** An execution was removed from the folder. */
export const markUnswept = (dir: string): Promise<void> => writeFile(join(dir, MARK), "");

/** Removes what no execution of the folder names. `now`: milliseconds since 1970, of the file system. */
export async function sweepBlobs(dir: string, now: number): Promise<void> {
  if (!(await stat(join(dir, MARK)).catch(() => undefined))) return;
  const fileOf = (hash: string): string => join(dir, "blobs", hash.slice(0, 2), hash);
  const named = new Set<string>();
  for (const { path } of await placesIn(dir)) {
    for (const name of await readdir(path)) await namesIn(join(path, name), named);
  }
  // The set grows while it is walked: values name values.
  for (const hash of named) if (await isValue(fileOf(hash))) await namesIn(fileOf(hash), named);
  let isSwept = true;
  for (const shard of await readdir(join(dir, "blobs")).catch(() => [])) {
    if (!/^[0-9a-f]{2}$/.test(shard)) continue;
    for (const hash of await readdir(join(dir, "blobs", shard))) {
      if (named.has(hash)) continue;
      const isFresh = now - (await stat(fileOf(hash))).mtimeMs < FRESH_MS;
      isSwept &&= !isFresh;
      if (!isFresh) await rm(fileOf(hash), { force: true });
    }
  }
  if (isSwept) await rm(join(dir, MARK), { force: true });
}

async function namesIn(path: string, named: Set<string>): Promise<void> {
  let rest = "";
  for await (const bytes of createReadStream(path, { encoding: "latin1" })) {
    const text = rest + (bytes as string);
    for (const [, hash] of text.matchAll(NAME)) named.add(hash!);
    rest = text.slice(1 - NAME_LENGTH);
  }
}

async function isValue(path: string): Promise<boolean> {
  const file = await open(path, "r").catch(() => undefined);
  if (!file) return false;
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(1), 0, 1, 0);
    return bytesRead === 1 && buffer[0] === VALUE_MARK;
  } finally {
    await file.close();
  }
}
