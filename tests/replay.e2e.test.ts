/** Recordings as their users make and open them: the built command, files on a disk, Studio in Chromium. */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from "playwright";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { launchOptions } from "./chromium.ts";

const root = new URL("..", import.meta.url).pathname;
const command = join(root, "apps/cli/dist/atomiton.js");
const running = new Set<ChildProcessWithoutNullStreams>();
let folder: string;
let browser: Browser;
const contexts: BrowserContext[] = [];
/** What pages complained of since the test began. */
let complaints: string[] = [];

const EFFECT = `apiVersion: atomiton.dev/v1
kind: Blueprint
id: effect
name: Leaves a mark
version: "1.0.0"
outputs:
  code: { type: any, from: mark.code }
nodes:
  mark: { uses: core/shell@1, with: { script: "echo done >> marks.txt" } }
`;

interface Run {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
  /** Resolves with the match when it stands in what was written so far. */
  says(text: RegExp): Promise<string>;
}

const start = (...args: string[]): Run => startWith(process.execPath, command, ...args);

function startWith(program: string, ...args: string[]): Run {
  const child = spawn(program, args, { cwd: folder, env: { ...process.env, NO_COLOR: "1" } });
  running.add(child);
  let stdout = "";
  let stderr = "";
  const checks = new Set<() => void>();
  const take = (add: (text: string) => void) => (text: Buffer) => {
    add(text.toString());
    for (const check of checks) check();
  };
  child.stdout.on(
    "data",
    take((text) => (stdout += text)),
  );
  child.stderr.on(
    "data",
    take((text) => (stderr += text)),
  );
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.once("close", (code) => {
      running.delete(child);
      resolve({ code, stdout, stderr });
    });
  });
  return {
    child,
    ended,
    says: (text) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          const found = text.exec(stdout + stderr)?.[0];
          if (found !== undefined) resolve(found);
        };
        checks.add(check);
        check();
        void ended.then(() => reject(new Error(`It ended before it said ${text.source}: ${stdout}${stderr}`)));
      }),
  };
}
const run = (...args: string[]) => start(...args).ended;

/** What was printed, one a line. */
const events = (text: string): unknown[] =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);

/** Studio with a recording; ended with the test's other processes. */
async function served(file: string, ...args: string[]): Promise<{ address: string; server: Run }> {
  const server = start("replay", file, "--open", "--port", "0", ...args);
  return { address: (await server.says(/http:\S+(?=\n)/)).trim(), server };
}

/** What a plain request gets. */
const answer = (url: string, headers: Record<string, string> = {}): Promise<{ status: number; body: Buffer }> =>
  new Promise((resolve, reject) => {
    get(url, { headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
    }).on("error", reject);
  });

beforeAll(async () => {
  if (!existsSync(command)) throw new Error(`The command is not built: run "npm run build" first (${command})`);
  folder = mkdtempSync(join(tmpdir(), "atomiton-replay-"));
  cpSync(join(root, "tests/fixtures/studio"), folder, { recursive: true });
  writeFileSync(join(folder, "effect.blueprint.yaml"), EFFECT);
  browser = await chromium.launch(launchOptions);
  const { code, stdout } = await run("run", "slow.blueprint.yaml", "--json", "--record", "slow.atj");
  expect(code).toBe(0);
  writeFileSync(join(folder, "slow.ndjson"), stdout);
});
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});
afterEach(async () => {
  await Promise.all(contexts.splice(0).map((context) => context.close()));
  const ends = [...running];
  for (const child of ends) child.kill("SIGKILL");
  const said = complaints;
  complaints = [];
  expect(said).toEqual([]);
});

test("[R-REP-1] a recorded run prints as any other, and a replay prints the same events again", async () => {
  const lines = readFileSync(join(folder, "slow.ndjson"), "utf8");
  const { code, stdout, stderr } = await run("replay", "slow.atj", "--json");
  expect([code, stderr]).toEqual([0, ""]);
  expect(events(stdout).length).toBeGreaterThan(300);
  expect(events(stdout)).toEqual(events(lines));
  const recorded = await run("run", "effect.blueprint.yaml", "--record", "plain.atj");
  const plain = await run("run", "effect.blueprint.yaml");
  expect([recorded.code, recorded.stdout]).toEqual([plain.code, plain.stdout]);
});

test("[R-REP-2] a replay shows what the run showed, at its pace or faster, also of a run that failed", async () => {
  const first = await run("run", "fails.blueprint.yaml", "--record", "fails.atj");
  expect(first.code).toBe(1);
  expect(await run("replay", "fails.atj")).toEqual({ code: 0, stdout: first.stdout, stderr: first.stderr });
  const begun = performance.now();
  const whole = await run("replay", "slow.atj", "--speed", "4");
  // Two seconds were recorded. Faster than that would not be the pace.
  expect(performance.now() - begun).toBeGreaterThan(450);
  expect(whole.code).toBe(0);
  expect(whole.stderr).toContain("the sum is 1640");
  expect(JSON.parse(whole.stdout).doubled).toHaveLength(40);
});

test("[R-REP-3] a replay repeats no side effect, and needs nothing of where it was recorded", async () => {
  rmSync(join(folder, "marks.txt"), { force: true });
  await run("run", "effect.blueprint.yaml", "--record", "effect.atj");
  const marks = readFileSync(join(folder, "marks.txt"), "utf8");
  const elsewhere = mkdtempSync(join(tmpdir(), "atomiton-elsewhere-"));
  try {
    cpSync(join(folder, "effect.atj"), join(elsewhere, "moved.atj"));
    const { code, stdout } = await run("replay", join(elsewhere, "moved.atj"), "--speed", "0");
    expect([code, JSON.parse(stdout)]).toEqual([0, { code: 0 }]);
  } finally {
    rmSync(elsewhere, { recursive: true });
  }
  expect(readFileSync(join(folder, "marks.txt"), "utf8")).toBe(marks);
});

test("[R-REP-4] a torn recording plays up to its last good record and says so", async () => {
  const bytes = readFileSync(join(folder, "slow.atj"));
  writeFileSync(join(folder, "torn.atj"), bytes.subarray(0, bytes.byteLength >> 1));
  const { code, stdout, stderr } = await run("replay", "torn.atj", "--json");
  expect(code).toBe(0);
  expect(stderr).toMatch(/warning: the recording is torn: .* behind record \d+ cannot be read/);
  const lines = readFileSync(join(folder, "slow.ndjson"), "utf8");
  const kept = events(stdout);
  expect(kept.length).toBeGreaterThan(100);
  expect(kept).toEqual(events(lines).slice(0, kept.length));
  expect((await run("replay", "torn.atj", "--speed", "0")).stderr).toContain("the execution has not ended there");
});

test("[R-REP-4] a run that is killed in the middle leaves a recording that plays", async () => {
  const killed = start("run", "slow.blueprint.yaml", "--json", "--record", "killed.atj");
  await killed.says(/each\[12\]\/rest[^\n]*"s":"completed"/);
  killed.child.kill("SIGKILL");
  const { stdout: printed } = await killed.ended;
  const { code, stdout } = await run("replay", "killed.atj", "--json");
  expect(code).toBe(0);
  expect(stdout).toContain('"runtime:started"');
  // Each of the two may have got a little further than the other.
  const [kept, told] = [events(stdout), events(printed.slice(0, printed.lastIndexOf("\n") + 1))];
  const both = Math.min(kept.length, told.length);
  expect(kept.slice(0, both)).toEqual(told.slice(0, both));
});

test("[R-REP-5] what is no recording is said to be none", async () => {
  writeFileSync(join(folder, "empty.atj"), "");
  for (const [file, text] of [
    ["slow.blueprint.yaml", 'Cannot replay "slow.blueprint.yaml": it is no recording'],
    ["slow.ndjson", "it is no recording"],
    ["nowhere.atj", "Cannot read the recording"],
    ["empty.atj", "there is no whole record in it"],
  ] as const) {
    const { code, stdout, stderr } = await run("replay", file);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(text);
  }
});

test("[R-REP-6] a replay stops where it is told to", async () => {
  const { code, stdout, stderr } = await run("replay", "slow.atj", "--speed", "0", "--to", "100");
  expect([code, stdout]).toEqual([0, ""]);
  expect(stderr).toMatch(/Stopped at record 100 of \d+/);
  const json = await run("replay", "slow.atj", "--json", "--to", "100");
  // The Blueprint, and that the list of executions changed, are no events of the run.
  expect(json.stdout.trim().split("\n")).toHaveLength(98);
  const wrong = ["--to 0", "--to x", "--speed -1", "--speed fast", "--port 0", "--open --json", "--open --speed 2"];
  for (const options of wrong) {
    const { code: refused, stdout: printed } = await run("replay", "slow.atj", ...options.split(" "));
    expect([options, refused, printed]).toEqual([options, 2, ""]);
  }
});

test("[R-REP-7] a recording is never written over a file, and a run that cannot begin leaves none", async () => {
  const before = statSync(join(folder, "slow.atj"));
  const { code, stderr } = await run("run", "effect.blueprint.yaml", "--record", "slow.atj");
  expect(code).toBe(2);
  expect(stderr).toContain('Cannot record to "slow.atj": the file is there already');
  expect(statSync(join(folder, "slow.atj")).size).toBe(before.size);
  expect((await run("run", "quick.blueprint.yaml", "--record", "never.atj")).code).toBe(2);
  expect(existsSync(join(folder, "never.atj"))).toBe(false);
  expect((await run("run", "effect.blueprint.yaml", "--record", "no/such/folder.atj")).code).toBe(2);
});

test("[R-REP-8] the recording is given to who has the token, and there is no bus", async () => {
  const { address, server } = await served("slow.atj");
  const { origin, hash, host } = new URL(address);
  const fields = new URLSearchParams(hash.slice(1));
  expect(fields.get("recording")).toBe("slow.atj");
  const authorization = `Bearer ${fields.get("token")}`;
  const file = `${origin}/recordings/slow.atj`;
  expect((await answer(file, { authorization })).body).toEqual(readFileSync(join(folder, "slow.atj")));
  expect((await answer(file)).status).toBe(401);
  expect((await answer(file, { authorization: "Bearer wrong" })).status).toBe(401);
  expect((await answer(file, { authorization, host: "evil.example" })).status).toBe(421);
  expect((await answer(file, { authorization, origin: "http://evil.example" })).status).toBe(403);
  expect((await answer(`${origin}/recordings/slow.ndjson`, { authorization })).status).toBe(404);
  expect((await answer(`${origin}/recordings/..%2fslow.ndjson`, { authorization })).status).toBe(404);
  const upgrade = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" };
  const bus = await answer(`${origin}/bus`, { ...upgrade, "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==", host });
  expect(bus.status).toBe(404);
  server.child.kill("SIGINT");
  expect((await server.ended).code).toBe(0);
});

test("[R-REP-9] Ctrl-C ends a replay", async () => {
  const playing = start("replay", "slow.atj", "--speed", "0.1");
  await playing.says(/Slow loop 1\.0\.0/);
  playing.child.kill("SIGINT");
  expect((await playing.ended).code).toBe(130);
});

test("[R-REP-10] a disk that takes no more ends the recording, not the run, and is told", async () => {
  // Files of 16 KiB at most: what is over that is refused as on a full disk.
  const limited = 'trap "" XFSZ; ulimit -f 16; exec "$0" "$@"';
  const recorded = ["run", "slow.blueprint.yaml", "--record", "full.atj"];
  const { code, stdout, stderr } = await startWith("bash", "-c", limited, process.execPath, command, ...recorded).ended;
  expect(code).toBe(1);
  expect(JSON.parse(stdout).doubled).toHaveLength(40);
  expect(stderr).toMatch(/warning: the recording is not whole: \d+ of its events are missing: .*too large/);
  expect((await run("replay", "full.atj", "--speed", "0")).stderr).toContain("Slow loop 1.0.0");
});

/** A page that hears every complaint: errors and warnings of its console, what it throws, what it does not get. */
async function openPage(address: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(10_000);
  contexts.push(context);
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`thrown: ${error.message}`));
  page.on("response", (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
  });
  await page.goto(address);
  return page;
}
const slider = (page: Page) => page.getByRole("slider", { name: "Place in the recording" });
const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });
const state = (page: Page, word: string) =>
  page.getByRole("region", { name: "Execution" }).getByRole("status").getByText(word, { exact: true });
const until = (page: Page, path: string, wanted: string): Promise<void> =>
  page.locator(`[data-node="${path}"][data-state="${wanted}"]`).waitFor();
const place = async (page: Page): Promise<number> => Number(await slider(page).inputValue());

test("[ST-REP-7] [ST-REP-1] shows the recording at its end, and goes back and forth in time", async () => {
  const { address } = await served("slow.atj");
  const page = await openPage(address);
  await state(page, "Completed").waitFor();
  expect(page.url()).not.toContain("token");
  // The whole Blueprint is there, wires included, though no host has it.
  expect(await page.locator("[data-node]").count()).toBe(7);
  expect(await page.locator(".react-flow__edge").count()).toBe(6);
  const last = await place(page);
  expect(await slider(page).getAttribute("max")).toBe(String(last));
  await slider(page).fill("150");
  await state(page, "Running").waitFor();
  await until(page, "sum", "pending");
  const half = await page.getByRole("region", { name: "Logs" }).textContent();
  await slider(page).fill(String(last));
  await until(page, "sum", "completed");
  await page.getByRole("log").getByText("the sum is 1640").waitFor();
  await slider(page).fill("150");
  await until(page, "sum", "pending");
  expect(await page.getByRole("region", { name: "Logs" }).textContent()).toBe(half);
  await button(page, "To the beginning").click();
  await state(page, "Queued").waitFor();
  await page.reload();
  await state(page, "Completed").waitFor();
});

test("[ST-REP-7] begins at the record that the address names", async () => {
  const { address } = await served("slow.atj", "--to", "150");
  const page = await openPage(address);
  await state(page, "Running").waitFor();
  expect(await place(page)).toBe(150);
});

test("[ST-REP-3] plays, pauses, and plays faster", async () => {
  const { address } = await served("slow.atj", "--to", "20");
  const page = await openPage(address);
  await state(page, "Running").waitFor();
  await button(page, "Play").click();
  await page.getByRole("log").getByText("8 doubled is 16").waitFor();
  await button(page, "Pause").click();
  const at = await place(page);
  expect(at).toBeGreaterThan(20);
  await button(page, "One record on").click();
  await expect.poll(() => place(page)).toBe(at + 1);
  await page.getByRole("combobox", { name: "Speed" }).selectOption("10");
  await button(page, "Play").click();
  await state(page, "Completed").waitFor();
  await button(page, "Play").waitFor();
  expect(await place(page)).toBe(Number(await slider(page).getAttribute("max")));
});

test("[ST-REP-4] says that it is a recording, offers neither Run nor Cancel, and opens no socket", async () => {
  const { address } = await served("slow.atj", "--to", "150");
  const context = await browser.newContext();
  contexts.push(context);
  const page = await context.newPage();
  const sockets: string[] = [];
  page.on("websocket", (socket) => sockets.push(socket.url()));
  await page.goto(address);
  await state(page, "Running").waitFor();
  await page.locator('[data-recording="slow.atj"]').waitFor();
  expect(await button(page, "Run").count()).toBe(0);
  expect(await button(page, "Cancel").count()).toBe(0);
  expect(sockets).toEqual([]);
});

test("[ST-REP-5] a torn recording is shown as far as it goes", async () => {
  const bytes = readFileSync(join(folder, "slow.atj"));
  writeFileSync(join(folder, "half.atj"), bytes.subarray(0, bytes.byteLength >> 1));
  const { address } = await served("half.atj");
  const page = await openPage(address);
  await state(page, "Running").waitFor();
  const note = page.getByRole("region", { name: "Time line" }).getByRole("note");
  expect(await note.textContent()).toMatch(/The file is torn: what comes behind record \d+ cannot be read/);
});

test("[ST-REP-8] a recording is opened from a file in a page that has a host, which is there again after it", async () => {
  await run("run", "fails.blueprint.yaml", "--record", "elsewhere.atj");
  const host = start("serve", "--port", "0");
  const page = await openPage((await host.says(/http:\S+(?=\n)/)).trim());
  await page.locator('[data-link="live"]').waitFor();
  await page.getByRole("button", { name: "Slow loop" }).first().click();
  await button(page, "Run").waitFor();

  await page.getByLabel("Recording", { exact: true }).setInputFiles(join(folder, "slow.ndjson"));
  await page.getByText("“slow.ndjson” is no recording").waitFor();
  await page.locator('[data-link="live"]').waitFor();

  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), button(page, "Open recording…").click()]);
  await chooser.setFiles(join(folder, "elsewhere.atj"));
  await state(page, "Failed").waitFor();
  expect(await page.locator("[data-link]").count()).toBe(0);
  await button(page, "Close").click();
  await page.locator('[data-link="live"]').waitFor();
  await page.getByRole("heading", { name: "Slow loop", level: 1 }).waitFor();
  await button(page, "Run").waitFor();

  const bytes = readFileSync(join(folder, "elsewhere.atj"));
  const transfer = await page.evaluateHandle((data) => {
    const dragged = new DataTransfer();
    dragged.items.add(new File([Uint8Array.from(data)], "dropped.atj"));
    return dragged;
  }, Array.from(bytes));
  await page.dispatchEvent("body", "dragover", { dataTransfer: transfer });
  await page.getByText("Let go to open the recording").waitFor();
  await page.dispatchEvent("body", "drop", { dataTransfer: transfer });
  await page.locator('[data-recording="dropped.atj"]').waitFor();
  await state(page, "Failed").waitFor();
});

test("[ST-REP-9] the time line is moved with the keyboard", async () => {
  const { address } = await served("slow.atj", "--to", "150");
  const page = await openPage(address);
  await slider(page).focus();
  // A twentieth of the recording; how long that is depends on how many of its changes fell together.
  const [min, max] = [await slider(page).getAttribute("min"), await slider(page).getAttribute("max")].map(Number);
  const part = Math.round((max! - min! - 1) / 20);
  for (const [key, by] of [
    ["ArrowRight", 1],
    ["ArrowLeft", -1],
    ["PageUp", part],
    ["PageDown", -part],
  ] as const) {
    const from = await place(page);
    await page.keyboard.press(key);
    await expect.poll(() => place(page)).toBe(from + by);
  }
  await page.keyboard.press("Home");
  await state(page, "Queued").waitFor();
  await page.keyboard.press("End");
  await state(page, "Completed").waitFor();
  await button(page, "Play").focus();
  await page.keyboard.press("Enter");
  await button(page, "Pause").waitFor();
  await page.keyboard.press("Enter");
  await button(page, "Play").waitFor();
});

test("[ST-REP-10] nothing of the time line is cut off, wide and narrow, light and dark", async () => {
  const { address } = await served("slow.atj", "--to", "150");
  for (const [width, height] of [
    [1280, 800],
    [390, 844],
  ] as const) {
    for (const colorScheme of ["light", "dark"] as const) {
      const page = await openPage(address, { viewport: { width, height }, colorScheme });
      await state(page, "Running").waitFor();
      const line = page.getByRole("region", { name: "Time line" });
      for (const part of await line.locator("button, input, select, span").all()) {
        if (!(await part.isVisible())) continue;
        const box = await part.boundingBox();
        if (box === null || box.width <= 1) continue;
        expect(box.x).toBeGreaterThanOrEqual(0);
        expect(box.x + box.width).toBeLessThanOrEqual(width);
        expect(box.y + box.height).toBeLessThanOrEqual(height);
      }
      const track = await slider(page).boundingBox();
      expect(track?.width).toBeGreaterThan(100);
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    }
  }
});
