import { copyFileSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { defineConfig } from "rolldown";

// A sandboxed preload is one file, and this one is whole: it is taken as it is.
mkdirSync("dist", { recursive: true });
copyFileSync(fileURLToPath(import.meta.resolve("@atomiton/events/electron/preload")), "dist/preload.cjs");

export default defineConfig({
  input: { main: "src/main.ts", host: "src/host.ts", "node-worker": "@atomiton/runtime/node-worker" },
  platform: "node",
  external: ["electron"],
  resolve: { conditionNames: ["@atomiton/source", "node", "import", "default"] },
  output: { dir: "dist", format: "esm" },
});
