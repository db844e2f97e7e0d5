import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";

import { launchOptions } from "./tests/chromium.ts";

/** Tests read the sources, unbuilt. */
const conditions = ["@atomiton/source"];

/**
 * Tests that take their time: seeds, hostile frames, real media that break, kill -9, sizes. In the unit run they would
 * cost the minute that a change may wait for.
 */
const faults = ["packages/*/test/{fault,model,real,size}/**/*.test.ts", "packages/*/test/**/*.slow.test.ts"];
const notUnit = ["**/*.browser.test.ts", "**/*.e2e.test.ts", "**/node_modules/**", "packages/nodes-*/**"];

/** One for each project: vitest writes into it. */
const chromium = () => ({
  enabled: true,
  headless: true,
  screenshotFailures: false,
  instances: [{ browser: "chromium" as const }],
  provider: playwright({ launchOptions }),
});

const installed = (name: string): string =>
  new URL(`./tests/conformance/node_modules/${name}`, import.meta.url).pathname;
const react18 = { react: installed("react"), "react-dom": installed("react-dom") };

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "node",
          include: ["packages/*/test/**/*.test.ts", "apps/*/test/**/*.test.ts", "tests/*.test.ts"],
          exclude: [...notUnit, ...faults],
          testTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: { name: "faults", include: faults, exclude: notUnit, testTimeout: 60_000, hookTimeout: 60_000 },
      },
      {
        // Real Chromium, what runs in a page: transports, the page's tick, what bundles for browsers get.
        extends: true,
        resolve: { conditions: [...conditions, "browser"] },
        // Found late, they would reload the page in the middle of a test.
        optimizeDeps: { include: ["msgpackr", "react", "react-dom/client", "zod"] },
        test: {
          name: "browser",
          provide: { isolated: false, react: "19" },
          include: ["packages/*/test/**/*.browser.test.ts"],
          globalSetup: ["packages/events/test/transports/fixtures/serve-pages.ts"],
          browser: chromium(),
        },
      },
      {
        // Pages whose server isolates them: these, and no others, share memory with their workers.
        extends: true,
        resolve: { conditions: [...conditions, "browser"] },
        server: {
          headers: { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" },
        },
        optimizeDeps: { include: ["msgpackr", "react", "react-dom/client", "zod"] },
        test: {
          name: "browser-isolated",
          provide: { isolated: true },
          include: ["packages/events/test/large/*.browser.test.ts"],
          browser: chromium(),
        },
      },
      {
        // Built programs as their users start them: the command, and Studio in Chromium.
        extends: true,
        test: {
          name: "e2e",
          include: ["tests/*.e2e.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        // Optional node packages, each with what it installs beside it.
        extends: true,
        test: {
          name: "nodes",
          include: ["packages/nodes-*/test/*.test.ts", "tests/nodes/*.test.ts"],
          testTimeout: 60_000,
        },
      },
      {
        // Other people's implementations, which a package of its own brings.
        extends: true,
        test: { name: "conformance", include: ["tests/conformance/*.test.ts"], testTimeout: 60_000 },
      },
      {
        // The hooks on the oldest React that is promised, which the same package brings.
        extends: true,
        resolve: { conditions: [...conditions, "browser"], alias: react18 },
        optimizeDeps: { include: ["msgpackr", "react", "react-dom/client", "zod"] },
        test: {
          name: "react-18",
          include: ["packages/events/test/react/*.browser.test.ts"],
          provide: { isolated: false, react: "18" },
          browser: chromium(),
        },
      },
      {
        // Real Electron, on a screen that scripts/electron.sh provides.
        extends: true,
        test: {
          name: "electron",
          include: ["tests/electron/*.test.ts"],
          globalSetup: ["tests/electron/build.ts"],
          testTimeout: 60_000,
          hookTimeout: 40_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
