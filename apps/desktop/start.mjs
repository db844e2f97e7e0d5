// Opens the built desktop app: node apps/desktop/start.mjs [--dir <folder of Blueprints>]
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";

const fail = (text) => {
  console.error(text);
  process.exit(1);
};

/** Electron's program, without asking its package: that downloads what is not there. */
function findElectron() {
  const usual =
    { darwin: "Electron.app/Contents/MacOS/Electron", win32: "electron.exe" }[process.platform] ?? "electron";
  const given = process.env.ELECTRON_OVERRIDE_DIST_PATH;
  if (given) return join(given, usual);
  const home = dirname(createRequire(import.meta.url).resolve("electron/package.json"));
  const name = join(home, "path.txt");
  return join(home, "dist", existsSync(name) ? readFileSync(name, "utf8") : usual);
}

const { values } = parseArgs({ options: { dir: { type: "string", default: "." } } });
const electron = findElectron();
if (!existsSync(electron)) {
  fail(
    `Cannot open the desktop app: there is no Electron at "${electron}"; download it once with "npx install-electron --no", or name a folder that has it in ELECTRON_OVERRIDE_DIST_PATH`,
  );
}
const app = import.meta.dirname;
if (!existsSync(join(app, "dist/main.js")))
  fail('Cannot open the desktop app: it is not built; "npm run desktop" builds it');
const flags = [];
if (process.platform === "linux" && process.getuid() === 0) {
  console.error("warning: root cannot have the sandbox of the system; pages run without it. Start the app as a user.");
  flags.push("--no-sandbox");
}
const child = spawn(electron, [...flags, app, `--dir=${resolve(values.dir)}`], { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => fail(`Cannot open the desktop app: ${error.message}`));
child.on("exit", (code, signal) => (process.exitCode = code ?? (signal ? 1 : 0)));
