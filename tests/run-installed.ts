import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { Runtime } from "@atomiton/runtime";

/**
 * Runs a Blueprint in a folder in which an optional node package of this repository is installed, as it was built; files
 * of the folder are written by `prepare`. Resolves with its outputs and what `look` makes of the runtime.
 */
export async function runInstalled<T>(
  name: string,
  blueprint: { nodes: Record<string, unknown>; outputs: Record<string, unknown> },
  prepare: (dir: string) => Promise<void>,
  look: (outputs: Record<string, unknown>, runtime: Runtime, dir: string) => Promise<T>,
): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), "installed-"));
  const scope = join(dir, "node_modules", "@atomiton");
  await mkdir(scope, { recursive: true });
  await symlink(resolve(import.meta.dirname, "../packages", name), join(scope, name));
  await prepare(dir);
  const runtime = new Runtime({ dir });
  try {
    const inline = { apiVersion: "atomiton.dev/v1", kind: "Blueprint", id: "test", name: "Test", ...blueprint };
    await writeFile(join(dir, "test.blueprint.json"), JSON.stringify(inline));
    const id = await runtime.execute("test");
    return await look(await runtime.waitForCompletion(id), runtime, dir);
  } finally {
    await runtime.close();
    await rm(dir, { recursive: true, force: true });
  }
}
