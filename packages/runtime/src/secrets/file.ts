import { open } from "node:fs/promises";

import { RuntimeError } from "../errors.ts";
import type { SecretSource } from "./source.ts";

const LIMIT_BYTES = 1024 * 1024;
/** Rights of the group and of others. */
const OTHERS = 0o077;

/**
 * A file that its owner alone may read: one JSON object, or lines `name=value` (`#` begins a comment line). Read anew for
 * each secret, so that a changed one counts.
 * `read` rejects with `RuntimeError` `SECRET`: it cannot be read, others may read it, it is larger than 1 MiB, it is
 * neither form. On Windows rights are not looked at.
 */
export function secretsFromFile(path: string): SecretSource {
  return {
    where: () => `the file "${path}"`,
    async read(name) {
      const values = parse(await contentOf(path), path);
      return values.get(name);
    },
  };
}

async function contentOf(path: string): Promise<string> {
  let file;
  try {
    file = await open(path, "r");
  } catch (cause) {
    throw refusal(path, `${(cause as Error).message}; give a file that is there`, cause);
  }
  try {
    // Of the open file: what is asked is what is read.
    const { mode, size } = await file.stat();
    if (process.platform !== "win32" && (mode & OTHERS) !== 0) {
      throw refusal(path, `others may read or write it (mode ${(mode & 0o777).toString(8)}); run chmod 600 on it`);
    }
    if (size > LIMIT_BYTES) throw refusal(path, `it has ${size} bytes; ${LIMIT_BYTES} are read`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

function parse(text: string, path: string): Map<string, string> {
  return text.trimStart().startsWith("{") ? parseJson(text, path) : parseLines(text, path);
}

function parseJson(text: string, path: string): Map<string, string> {
  let values: Record<string, unknown>;
  try {
    values = JSON.parse(text) as Record<string, unknown>;
  } catch {
    // Not the parser's words: they quote the file.
    throw refusal(path, "it begins as JSON and is none; mend it");
  }
  const wrong = Object.entries(values).find(([, value]) => typeof value !== "string");
  if (wrong) throw refusal(path, `the value of "${wrong[0]}" is no text; put it in quotes`);
  return new Map(Object.entries(values as Record<string, string>));
}

function parseLines(text: string, path: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.trimStart().startsWith("#")) continue;
    const at = line.indexOf("=");
    if (at < 1) throw refusal(path, `line ${index + 1} is not name=value; write one secret a line`);
    const value = line.slice(at + 1).trim();
    const quoted = /^(["'])(.*)\1$/.exec(value);
    values.set(line.slice(0, at).trim(), quoted ? quoted[2]! : value);
  }
  return values;
}

function refusal(path: string, why: string, cause?: unknown): RuntimeError {
  return new RuntimeError("SECRET", `Cannot read secrets from "${path}": ${why}`, { path }, { cause });
}
