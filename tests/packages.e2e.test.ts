/** The packages as their users get them: packed, installed into an empty folder, compiled, bundled and run there. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import enhancedResolve from "enhanced-resolve";
import { rolldown } from "rolldown";
import { build as viteBuild } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = new URL("..", import.meta.url).pathname;
let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "atomiton-packages-"));
  execFileSync("bash", [join(root, "scripts/install-packed.sh"), dir, "@types/node@20.19.9", "react@19.3.1"]);
  cpSync(join(root, "tests/packages"), dir, { recursive: true });
}, 240_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Runs a program there, without the conditions of this repository. */
function run(...args: string[]): { status: number | null; out: string } {
  const env = { ...process.env, NODE_OPTIONS: "" };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: dir, env, encoding: "utf8" });
  return { status, out: stdout + stderr };
}

function compile(module: string, moduleResolution: string): string {
  const options = { strict: true, skipLibCheck: false, target: "es2023", lib: ["es2023", "dom"], types: ["node"] };
  const outDir = `out-${module}`;
  const files = ["program.ts", "doors.ts"];
  const config = { compilerOptions: { ...options, module, moduleResolution, outDir }, files };
  // Of React there are no types in the package itself.
  const typed = doors().filter((door) => !/\.json$|react$/.test(door));
  writeFileSync(
    join(dir, "doors.ts"),
    typed.map((door, at) => `export type * as door${at} from "${door}";\n`).join(""),
  );
  writeFileSync(join(dir, "tsconfig.json"), JSON.stringify(config));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const { stdout, stderr } = spawnSync(process.execPath, [tsc, "-p", dir], { encoding: "utf8" });
  return stdout + stderr;
}

interface Manifest {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
}

/** Every name that a user may import: "@atomiton/events", "@atomiton/events/node", … */
function doors(): string[] {
  return ["events", "runtime"].flatMap((name) => {
    const path = join(dir, `node_modules/@atomiton/${name}/package.json`);
    const { exports } = JSON.parse(readFileSync(path, "utf8")) as Manifest;
    return Object.keys(exports).map((door) => `@atomiton/${name}${door.slice(1)}`);
  });
}

test("[E-PKG-1] plain JavaScript: a bus over a worker and a socket, a journal, a Blueprint", () => {
  expect(run("program.mjs")).toEqual({ status: 0, out: `ok on node ${process.version}\n` });
});

test("[E-PKG-1] CommonJS requires them where Node can, and is told that they are modules where it cannot", () => {
  expect(run("required.cjs")).toEqual({ status: 0, out: "" });
  const refused = run("--no-experimental-require-module", "required.cjs");
  expect(refused).toEqual({ status: 0, out: "" });
});

test.each([
  ["nodenext", "nodenext"],
  ["esnext", "bundler"],
])("[E-PKG-2] strict TypeScript without types of optional parts compiles and runs, module %s", (module, resolution) => {
  expect(compile(module, resolution)).toBe("");
  cpSync(join(dir, `out-${module}/program.js`), join(dir, "compiled.mjs"));
  expect(run("compiled.mjs")).toEqual({ status: 0, out: "ok\n" });
});

// As webpack 5 asks for them, and Electron's three processes.
const RESOLVERS: Readonly<Record<string, string[]>> = {
  "a web bundler's import": ["webpack", "import", "browser", "module", "production"],
  "a bundler's import for Node": ["webpack", "import", "node", "module", "production"],
  "a bundler's require": ["webpack", "require", "node", "module", "development"],
  "a bundler's import for an Electron page": ["webpack", "import", "electron", "browser", "module"],
};

test.each(Object.entries(RESOLVERS))("[E-PKG-3] every door resolves to a packed file: %s", (_name, conditionNames) => {
  const resolve = enhancedResolve.create.sync({ conditionNames, extensions: [".js", ".json"] });
  // Inside, a page gets the part that a page needs.
  const environment = resolve(join(dir, "node_modules/@atomiton/events/dist/bus"), "#environment");
  const isForPages = conditionNames.includes("browser");
  expect(environment).toMatch(isForPages ? /dist\/bus\/page-environment\.js$/ : /dist\/bus\/environment\.js$/);
  const found = Object.fromEntries(doors().map((door) => [door, resolve(dir, door)]));
  expect(Object.keys(found).length).toBeGreaterThan(10);
  for (const [door, file] of Object.entries(found)) {
    expect(file && existsSync(file), door).toBe(true);
    expect(file, door).not.toMatch(/\/src\//);
  }
});

test("[E-PKG-3] Node imports every door that runs there, and none reaches outside of it", () => {
  // A script for threads is started, not imported.
  const inNode = doors().filter((door) => !/\.json$|preload$|-worker$/.test(door));
  const program = inNode.map((door) => `await import(${JSON.stringify(door)});`).join("\n");
  writeFileSync(join(dir, "doors.mjs"), `${program}\nconsole.log("all");\n`);
  expect(run("doors.mjs")).toEqual({ status: 0, out: "all\n" });
});

const PAGE = `
import { EventBus, memoryPair, portTransport } from "@atomiton/events";
import { pageTransport } from "@atomiton/events/electron/renderer";
import { webSocketTransport } from "@atomiton/events/websocket";
import { RuntimeClient } from "@atomiton/runtime/client";
const bus = new EventBus({ connect: false });
bus.on("hello", ({ name }) => console.log("Hello, " + name));
export const start = () => new Worker(new URL("./page-worker.mjs", import.meta.url), { type: "module", name: "atomiton:bus" });
bus.emit("hello", { name: [RuntimeClient, memoryPair, pageTransport, portTransport, webSocketTransport].length });
`;

test("[E-PKG-4] Vite and Rolldown bundle a page and its worker without anything of Node, and the bundle runs", async () => {
  writeFileSync(join(dir, "page.mjs"), PAGE);
  writeFileSync(join(dir, "page-worker.mjs"), 'import { EventBus } from "@atomiton/events"; new EventBus();');
  const told: string[] = [];
  const onLog = (_level: string, { message }: { message: string }): void => void told.push(message);
  await viteBuild({
    root: dir,
    configFile: false,
    logLevel: "silent",
    build: {
      outDir: "vite",
      lib: { entry: join(dir, "page.mjs"), formats: ["es"], fileName: "page" },
      rolldownOptions: { onLog },
    },
  });
  const built = await rolldown({ input: join(dir, "page.mjs"), platform: "browser", onLog });
  await built.write({ file: join(dir, "rolldown/page.js") });
  await built.close();
  expect(told).toEqual([]);
  for (const bundle of ["vite/page.js", "rolldown/page.js"]) {
    expect(readFileSync(join(dir, bundle), "utf8"), bundle).not.toMatch(
      /(from|import)\s*\(?["'](node:|electron|ws["'])/,
    );
    expect(run(bundle), bundle).toEqual({ status: 0, out: "Hello, 5\n" });
  }
});

test("[E-PKG-6] bundles contain only what their programs use, and stay within their budgets", () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["scripts/bundle-size.mjs"], {
    cwd: root,
    encoding: "utf8",
  });
  expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: "" });
});

test("[E-PKG-6] a bundle over its budget fails, and says by how much", () => {
  const args = ["scripts/bundle-size.mjs", "--budget=20000"];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
  expect([status, stderr]).toEqual([1, expect.stringMatching(/the core.*: \d+ bytes, the budget is 20000/)]);
});
