import { readdir, stat, utimes } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { node } from "../engine/kit.ts";
import { dataDir, host } from "./hosts.ts";

const any = (from: string) => ({ type: "any", from });
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

async function blobs(): Promise<string[]> {
  const names = await readdir(join(dataDir, "blobs"), { recursive: true, withFileTypes: true });
  return names.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
}

test("[R-DUR-29] blobs of executions that were removed go with the next host: not those that others name, also inside large values, and not young ones", async () => {
  const files = node("files", async (ctx) => {
    const own = await ctx.blob.put(bytesOf(`own ${ctx.config.n}`));
    const shared = await ctx.blob.put(bytesOf("shared"));
    // Above 32 KiB: the value is a blob itself, and names two.
    return { out: { own, shared, much: `${ctx.config.n}`.repeat(50_000) } };
  });
  const first = host([files], { retention: { executions: 1 } });
  const ids: string[] = [];
  for (const n of [1, 2]) {
    ids.push(await first.start({ a: { uses: "test/files@1", with: { n } } }, { outputs: { out: any("a.out") } }));
    await first.runtime.waitForCompletion(ids.at(-1)!);
  }
  await first.runtime.blobs.put(bytesOf("for later"));
  await first.runtime.close();
  // Two files of their own, one shared, one for later, and the two large values.
  expect(await blobs()).toHaveLength(6);

  const second = host([files], { retention: { executions: 1 } });
  await second.runtime.recover();
  await second.runtime.close();
  expect(await blobs()).toHaveLength(6);

  const old = new Date(Date.now() - 48 * 60 * 60 * 1_000);
  for (const path of await blobs()) await utimes(path, old, old);
  const third = host([files], { retention: { executions: 1 } });
  // It is there: put again, it is young.
  await third.runtime.blobs.put(bytesOf("for later"));
  await third.start({ a: { uses: "test/files@1", with: { n: 2 } } }, { outputs: { out: any("a.out") } });
  await third.runtime.close();

  const fourth = host([files], { retention: { executions: 1 } });
  await fourth.runtime.recover();
  const kept = await blobs();
  const texts = await Promise.all(kept.map(async (path) => (await stat(path)).size));
  expect(texts.toSorted((a, b) => a - b).slice(0, 3)).toEqual(
    ["own 2", "shared", "for later"].map(({ length }) => length),
  );
  expect(kept).toHaveLength(4);
});
