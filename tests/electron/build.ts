/** Before the tests: the fixtures' programs, bundled as an app would bundle them, beside the built preload. */
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { rolldown } from "rolldown";

const root = new URL("../..", import.meta.url).pathname;
const fixtures = join(root, "tests/electron/fixtures");
export const out = join(root, ".cache/electron-tests");

async function bundle(app: string, name: string, format: "esm" | "iife"): Promise<void> {
  const isPage = format === "iife";
  const built = await rolldown({
    input: join(fixtures, app, `${name}.ts`),
    platform: isPage ? "browser" : "node",
    external: ["electron"],
    resolve: { conditionNames: ["@atomiton/source", isPage ? "browser" : "node", "import", "default"] },
    logLevel: "silent",
  });
  // A page's script is one file; what main loads when it needs it stands beside it.
  const whole = isPage ? { codeSplitting: false } : {};
  await built.write({ dir: join(out, app), entryFileNames: `${name}.js`, format, ...whole });
  await built.close();
}

export async function setup(): Promise<void> {
  const preload = join(root, "packages/events/dist/transports/electron-preload.cjs");
  for (const needed of [preload, join(root, "apps/desktop/dist/main.js"), join(root, "apps/studio/dist/index.html")]) {
    if (!existsSync(needed)) throw new Error(`Cannot test: "${needed}" is not there; "npm run build" builds it`);
  }
  for (const app of ["bus", "spec"]) {
    mkdirSync(join(out, app), { recursive: true });
    writeFileSync(join(out, app, "package.json"), '{ "type": "module", "main": "main.js" }\n');
    copyFileSync(preload, join(out, app, "preload.cjs"));
  }
  writeFileSync(join(out, "spec", "index.html"), '<!doctype html><title>spec</title><script src="page.js"></script>\n');
  await Promise.all([
    bundle("bus", "main", "esm"),
    bundle("bus", "host", "esm"),
    bundle("bus", "page", "iife"),
    bundle("spec", "main", "esm"),
    bundle("spec", "page", "iife"),
  ]);
}
