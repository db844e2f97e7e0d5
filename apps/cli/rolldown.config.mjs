import { defineConfig } from "rolldown";

// Bundled, so that the command starts fast; what Node brings stays outside. Threads and processes of the pool start from
// `node-worker`, which is looked for beside the command.
export default defineConfig({
  input: { atomiton: "src/main.ts", "node-worker": "@atomiton/runtime/node-worker" },
  platform: "node",
  resolve: { conditionNames: ["@atomiton/source", "node", "import", "default"] },
  output: {
    dir: "dist",
    format: "esm",
    banner: ({ name }) => (name === "atomiton" ? "#!/usr/bin/env node" : ""),
  },
});
