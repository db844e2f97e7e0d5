/** An app that installed the packages: its main imports them unbundled, its page bundles them. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { rolldown } from "rolldown";
import { expect, onTestFinished, test } from "vitest";

import { launch, root } from "./launch.ts";

const PAGE = `import { EventBus } from "@atomiton/events"; globalThis.bus = new EventBus();`;

test("[E-PKG-5] main imports the installed packages, points at their preload, and its page finds it", async () => {
  const dir = mkdtempSync(join(tmpdir(), "atomiton-packed-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  execFileSync("bash", [join(root, "scripts/install-packed.sh"), dir]);
  cpSync(join(root, "tests/electron/fixtures/packed"), dir, { recursive: true });
  writeFileSync(join(dir, "package.json"), '{ "type": "module", "main": "main.mjs" }\n');
  writeFileSync(join(dir, "page.mjs"), PAGE);
  writeFileSync(join(dir, "index.html"), '<!doctype html><title>packed</title><script src="page.js"></script>\n');
  const built = await rolldown({ input: join(dir, "page.mjs"), platform: "browser", logLevel: "silent" });
  await built.write({ file: join(dir, "page.js"), format: "iife" });
  await built.close();

  const { app, output } = await launch([dir], { cwd: dir });
  const page = await app.firstWindow({ timeout: 20_000 }).catch((error: unknown) => {
    throw new Error(`main opened no window, and wrote: ${output()}`, { cause: error });
  });
  const doors = page.evaluate(() =>
    (globalThis as unknown as { bus: { request(name: string, data: unknown): Promise<unknown> } }).bus.request(
      "test:doors",
      null,
    ),
  );
  expect(await doors).toEqual(["function", "function", "function"]);
}, 240_000);
