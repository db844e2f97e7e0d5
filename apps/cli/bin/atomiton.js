#!/usr/bin/env node
// The command's door: there from the start, so that npm links it before the first build.
import { existsSync } from "node:fs";
import module from "node:module";

// Where the platform can keep compiled code (Node 22.8 and newer), later starts are faster.
module.enableCompileCache?.();

const bundle = new URL("../dist/atomiton.js", import.meta.url);
if (existsSync(bundle)) await import(bundle.href);
else {
  console.error("Cannot start atomiton: it is not built; run `npm run build` in the repository first");
  process.exitCode = 2;
}
