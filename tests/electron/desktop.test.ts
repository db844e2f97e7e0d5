/** The desktop app as a person has it: its built processes, Studio in its window. */
import { spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { ElectronApplication, Page } from "playwright";
import { expect, onTestFinished, test } from "vitest";

import { electronProgram, launch, root, type LaunchOptions } from "./launch.ts";

const desktop = join(root, "apps/desktop");
/** Where a machine may take its time: the long loop takes ten seconds by its own timers. */
const LONG_MS = 30_000;

const TABLE = `apiVersion: atomiton.dev/v1
kind: Blueprint
id: table
name: Table
version: "1.0.0"
outputs:
  file: { type: any, from: write.file }
nodes:
  rows:
    uses: core/transform@1
    with: { expression: '[{"a": 1}, {"a": 2}]' }
  write:
    uses: core/csv.write@1
    in: { rows: rows.value }
    with: { name: rows.csv }
`;

const PROGRAM = `apiVersion: atomiton.dev/v1
kind: Blueprint
id: program
name: Program
version: "1.0.0"
nodes:
  sleep:
    uses: core/shell@1
    with: { command: sleep, args: ["1234"] }
`;

function blueprints(): string {
  const folder = mkdtempSync(join(tmpdir(), "atomiton-desktop-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(join(root, "tests/fixtures/studio"), folder, { recursive: true });
  writeFileSync(join(folder, "table.blueprint.yaml"), TABLE);
  writeFileSync(join(folder, "program.blueprint.yaml"), PROGRAM);
  return folder;
}

async function openStudio(options: LaunchOptions & { folder?: string } = {}) {
  const { folder = blueprints(), ...how } = options;
  const launched = await launch([desktop, `--dir=${folder}`], how);
  const complaints: string[] = [];
  const page = await launched.app.firstWindow();
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await live(page);
  return { ...launched, page, complaints };
}

/** The process ids of the runtime's hosts. */
const hostsOf = (app: ElectronApplication): Promise<number[]> =>
  app.evaluate(({ app }) =>
    app
      .getAppMetrics()
      .filter(({ name }) => name === "Atomiton host")
      .map(({ pid }) => pid),
  );
const live = (page: Page): Promise<void> => page.locator('[data-link="live"]').waitFor();
const choose = (page: Page, name: string): Promise<void> =>
  page.getByRole("navigation", { name: "Library" }).getByRole("button", { name }).first().click();
const run = (page: Page): Promise<void> => page.getByRole("button", { name: "Run", exact: true }).click();
const state = (page: Page, word: string) =>
  page.getByRole("region", { name: "Execution" }).getByRole("status").getByText(word, { exact: true });

test("[DT-1] Studio opens with the folder's Blueprints; one runs to its end, seen in a picture", async () => {
  const { app, page, complaints } = await openStudio();
  expect(page.url()).toMatch(/^app:\/\/studio\//);
  await choose(page, "Slow loop");
  await run(page);
  await page.getByRole("log").getByText("20 doubled is 40").waitFor();
  await state(page, "Completed").waitFor();
  await page.getByRole("log").getByText("the sum is 1640").waitFor();
  await page.screenshot({ path: join(root, ".cache/electron-tests/desktop.png") });
  // The runtime is in a process of its own.
  expect(await hostsOf(app)).toHaveLength(1);
  expect(complaints).toEqual([]);
});

test("[DT-2] a reload in the middle of a run shows it again, whole", async () => {
  const { page } = await openStudio();
  await choose(page, "Long loop");
  await run(page);
  await page.getByRole("log").getByText("8 doubled is 16").waitFor();
  await page.reload();
  await state(page, "Completed").waitFor({ timeout: LONG_MS });
  await page.getByRole("log").getByText("the sum is 10100").waitFor();
  expect(await page.getByRole("log").getByRole("listitem").count()).toBe(101);
});

test("[DT-3] when the host's process dies it is started again, and the page is live again by itself", async () => {
  const { app, page, output } = await openStudio();
  await choose(page, "Long loop");
  await run(page);
  await state(page, "Running").waitFor();
  const [host] = await hostsOf(app);
  process.kill(host!, "SIGKILL");
  await page.locator('[data-link="reconnecting"]').waitFor();
  await live(page);
  expect(output()).toContain("The host ended");
  await choose(page, "Slow loop");
  await run(page);
  await state(page, "Completed").waitFor();
});

test("[DT-4] the page has nothing of Node and nothing of Electron", async () => {
  const { page } = await openStudio();
  const has = await page.evaluate(() =>
    ["process", "require", "module", "Buffer", "global", "electron", "ipcRenderer", "__dirname"].filter(
      (name) => name in globalThis,
    ),
  );
  expect(has).toEqual([]);
});

test("[DT-5] no permission is given, and the rules of the page come by header", async () => {
  const { page } = await openStudio();
  const seen = await page.evaluate(async () => ({
    notifications: await Notification.requestPermission(),
    camera: await navigator.mediaDevices.getUserMedia({ video: true }).then(
      () => "given",
      (error: Error) => error.name,
    ),
    place: await new Promise((resolve) =>
      navigator.geolocation.getCurrentPosition(
        () => resolve("given"),
        ({ code, PERMISSION_DENIED }) => resolve(code === PERMISSION_DENIED ? "denied" : code),
      ),
    ),
    csp: (await fetch("/")).headers.get("content-security-policy"),
    script: await new Promise((resolve) => {
      addEventListener("securitypolicyviolation", (event) => resolve(event.violatedDirective));
      const script = document.createElement("script");
      script.textContent = "globalThis.injected = true";
      document.head.append(script);
    }),
    outside: await fetch("https://example.com/").catch((error: Error) => error.name),
  }));
  expect(seen).toMatchObject({
    notifications: "denied",
    camera: expect.stringMatching(/NotAllowedError|NotFoundError/),
    place: "denied",
    csp: expect.stringContaining("default-src 'none'"),
    script: "script-src-elem",
    outside: "TypeError",
  });
});

test("[DT-6] Studio stays where it is, opens no windows, and lets only encrypted addresses out to the browser", async () => {
  const { app, page } = await openStudio();
  await app.evaluate(({ shell }) => {
    const opened: string[] = [];
    Object.assign(globalThis, { opened });
    shell.openExternal = async (address) => void opened.push(address);
  });
  const address = page.url();
  await page.evaluate(() => {
    location.href = "https://example.com/";
    for (const to of [
      "https://example.com/",
      "http://example.com/",
      "file:///etc/passwd",
      "https://me:word@example.com/",
    ]) {
      open(to);
    }
    document.body.append(document.createElement("webview"), document.createElement("iframe"));
  });
  await page.evaluate(() => (location.href = "app://other/"));
  // A round trip through main: what was under way has been judged.
  await app.evaluate(({ webContents }) => webContents.getAllWebContents()[0]!.executeJavaScript("0"));
  expect(page.url()).toBe(address);
  expect(app.windows()).toHaveLength(1);
  expect(await app.evaluate(() => (globalThis as unknown as { opened: string[] }).opened)).toEqual([
    "https://example.com/",
  ]);
  expect(await page.evaluate(() => document.querySelector("[data-link]")?.getAttribute("data-link"))).toBe("live");
});

test("[DT-7] app:// gives Studio's files and blobs, and nothing else", async () => {
  const { app, page } = await openStudio();
  const answers = await app.evaluate(async ({ net }) => {
    const status = async (path: string, init?: RequestInit): Promise<number> => (await net.fetch(path, init)).status;
    return [
      await status("app://studio/"),
      await status("app://studio/favicon.svg"),
      await status("app://studio/%2e%2e%2f%2e%2e%2fpackage.json"),
      await status("app://studio/..%2f..%2f..%2fpackage.json"),
      await status("app://studio/%"),
      await status("app://other/"),
      await status("app://studio/", { method: "POST" }),
      await status(`app://studio/blobs/sha256:${"0".repeat(64)}`),
      await status("app://studio/blobs/sha256:..%2f..%2fmain.js"),
    ];
  });
  expect(answers).toEqual([200, 200, 404, 404, 400, 405, 405, 404, 404]);
  // A file that a node gave out comes whole.
  const saved = join(blueprints(), "rows.csv");
  const downloaded = app.evaluate(
    ({ session }, path) =>
      new Promise<string>((resolve) => {
        session.defaultSession.once("will-download", (_event, item) => {
          item.setSavePath(path);
          item.once("done", (_done, state) => resolve(state));
        });
      }),
    saved,
  );
  await choose(page, "Table");
  await run(page);
  await state(page, "Completed").waitFor();
  await page.getByRole("button", { name: "Download rows.csv" }).first().click();
  expect(await downloaded).toBe("completed");
  expect(readFileSync(saved, "utf8")).toMatch(/^a\r?\n1\r?\n2\r?\n$/);
});

test("[DT-8] quitting cancels what runs and leaves no process and no blobs behind", async () => {
  const before = new Set(readdirSync(tmpdir()));
  const { app, page, pids } = await openStudio();
  await choose(page, "Long loop");
  await run(page);
  await state(page, "Running").waitFor();
  const all = pids();
  expect(all.length).toBeGreaterThan(3);
  const ours = readdirSync(tmpdir()).filter((name) => name.startsWith("atomiton-blobs-") && !before.has(name));
  expect(ours).toHaveLength(1);
  await app.close();
  await expect.poll(() => all.filter((pid) => existsSync(`/proc/${pid}`)), { timeout: 10_000 }).toEqual([]);
  expect(existsSync(join(tmpdir(), ours[0]!))).toBe(false);
});

test("[DT-8] Ctrl-C, which reaches main and its host at once, leaves no program of a node behind", async () => {
  const { app, page, pids } = await openStudio();
  const commandOf = (pid: number): string => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8");
    } catch {
      return "";
    }
  };
  const sleeping = (): number[] => pids().filter((pid) => commandOf(pid) === ["sleep", "1234", ""].join("\0"));
  await choose(page, "Program");
  await run(page);
  await expect.poll(() => sleeping().length, { timeout: 10_000 }).toBe(1);
  const [program] = sleeping();
  const [host] = await hostsOf(app);
  const gone = new Promise((resolve) => app.process().once("exit", resolve));
  for (const pid of [app.process().pid!, host!]) process.kill(pid, "SIGINT");
  expect(await gone).toBe(0);
  await expect
    .poll(() => [host!, program!].filter((pid) => existsSync(`/proc/${pid}`)), { timeout: 10_000 })
    .toEqual([]);
});

function startDesktop(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [join(desktop, "start.mjs"), ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (text) => (stderr += text));
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, stderr })));
}

test("[DT-9] without Electron, or without a folder, the start says what to do", async () => {
  const without = await startDesktop([], { ELECTRON_OVERRIDE_DIST_PATH: join(tmpdir(), "no-electron-here") });
  expect(without).toMatchObject({ code: 1, stderr: expect.stringContaining('"npx install-electron --no"') });
  const nowhere = await startDesktop(["--dir", "no/such/folder"], {});
  expect(nowhere).toMatchObject({ code: 2, stderr: expect.stringContaining("--dir") });
});

test("[DT-10] with the sandbox of the system the page is confined, and Studio works as ever", async () => {
  const home = mkdtempSync(join(tmpdir(), "atomiton-home-"));
  const folder = blueprints();
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const asNobody = process.getuid?.() === 0 ? confined(home, folder) : {};
  const { app, page } = await openStudio({ folder, isSandboxed: true, ...asNobody });
  const pid = await app.evaluate(({ webContents }) => webContents.getAllWebContents()[0]!.getOSProcessId());
  // 2: a filter of system calls is on, as Chromium's sandbox sets it.
  expect(readFileSync(`/proc/${pid}/status`, "utf8")).toMatch(/^Seccomp:\t2$/m);
  expect(await app.evaluate(({ app }) => app.commandLine.hasSwitch("no-sandbox"))).toBe(false);
  await choose(page, "Slow loop");
  await run(page);
  await state(page, "Completed").waitFor();
});

/** Root cannot have the sandbox: the app is started as the user "nobody", who gets what it needs of this screen. */
function confined(home: string, folder: string): LaunchOptions {
  const NOBODY = 65_534;
  const program = join(home, "electron.sh");
  writeFileSync(
    program,
    `#!/bin/sh\nexec setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups "${electronProgram()}" "$@"\n`,
  );
  chmodSync(program, 0o755);
  const env: Record<string, string> = { HOME: home, TMPDIR: home };
  const key = process.env["XAUTHORITY"];
  if (key) {
    env["XAUTHORITY"] = join(home, "auth");
    copyFileSync(key, env["XAUTHORITY"]);
    chownSync(env["XAUTHORITY"], NOBODY, NOBODY);
  }
  for (const path of [home, folder]) chownSync(path, NOBODY, NOBODY);
  return { program, env };
}
