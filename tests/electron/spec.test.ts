/** The specification's classes, unchanged, in the processes that they were written for. */
import { join } from "node:path";

import { expect, test } from "vitest";

import { out } from "./build.ts";
import { launch, root } from "./launch.ts";

/** Of packages/runtime/test/spec; found by its id below the folder that the app is started in. */
const HELLO = "3f0e0d1a-6c55-4f0e-9c5f-6f8c1f8b9a01";

interface SpecPage {
  readonly client: {
    executeBlueprint(id: string, input?: unknown): Promise<unknown>;
    onProgress(hear: (progress: { percent: number }) => void): void;
  };
  readonly library: { executeBlueprint(id: string, input?: unknown): Promise<unknown> };
}

test("[E-EL-1] main and page find each other by themselves: the specification's samples run as written", async () => {
  const { app } = await launch([join(out, "spec")], { cwd: join(root, "packages/runtime/test/spec") });
  const page = await app.firstWindow();
  const ran = await page.evaluate(async (id) => {
    const { client } = globalThis as unknown as SpecPage;
    const percents: number[] = [];
    client.onProgress(({ percent }) => percents.push(percent));
    return { result: await client.executeBlueprint(id, { name: "Electron" }), last: percents.at(-1) };
  }, HELLO);
  expect(ran).toEqual({ result: { greeting: "Hello, Electron" }, last: 100 });
  const failed = await page.evaluate(() =>
    (globalThis as unknown as SpecPage).client.executeBlueprint("no-such-blueprint").catch(String),
  );
  expect(failed).toContain("no-such-blueprint");
  const byLibrary = await page.evaluate(
    (id) => (globalThis as unknown as SpecPage).library.executeBlueprint(id, { name: "library" }),
    HELLO,
  );
  expect(byLibrary).toEqual({ greeting: "Hello, library" });
});
