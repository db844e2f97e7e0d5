import { defineConfig } from "rolldown";

// One file, so that the command starts fast; what Node brings stays outside.
export default defineConfig({
  input: "src/main.ts",
  platform: "node",
  resolve: { conditionNames: ["@atomiton/source", "node", "import", "default"] },
  output: { file: "dist/atomiton.js", format: "esm", banner: "#!/usr/bin/env node" },
});
