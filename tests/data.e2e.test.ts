/** `--data`: executions that outlive the command, the built one, killed and asked from outside. */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";

import { afterEach, beforeEach, expect, test } from "vitest";

const command = join(new URL("..", import.meta.url).pathname, "apps/cli/dist/atomiton.js");
let folder: string;
type Child = ChildProcessByStdio<null, Readable, Readable>;
const started = new Set<Child>();

// `act` leaves a witness; `hold` ends when the file `go` is there.
const BLUEPRINT = `apiVersion: atomiton.dev/v1
kind: Blueprint
id: held
name: Held
version: "1.0.0"
outputs:
  end: { type: any, from: hold.stdout }
nodes:
  act: { uses: core/shell@1, with: { script: "echo act >> witness" } }
  hold:
    uses: core/shell@1
    after: [act]
    onUnknown: rerun
    with: { script: "echo $$ >> pids; touch holding; while [ ! -e go ]; do sleep 0.02; done; echo done" }
`;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "atomiton-data-e2e-"));
  writeFileSync(join(folder, "held.blueprint.yaml"), BLUEPRINT);
});
afterEach(async () => {
  writeFileSync(join(folder, "go"), "");
  for (const child of started) {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "close");
  }
  started.clear();
  rmSync(folder, { recursive: true, force: true });
});

function start(...args: string[]) {
  const child = spawn(process.execPath, [command, ...args], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  started.add(child);
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (part: string) => (text += part));
  return Object.assign(child, { text: () => text });
}

async function run(...args: string[]): Promise<{ code: number | null; text: string }> {
  const child = start(...args);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, text: child.text() };
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 20_000;
  while (!(await holds()) && Date.now() < end) await new Promise((turn) => setTimeout(turn, 20));
  expect(await holds()).toBe(true);
}

const list = async (): Promise<{ executionId: string; state: string }[]> =>
  (await run("list", "--data", "data", "--json")).text
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as { executionId: string; state: string });

test("[R-CLI-30] a run with --data that was killed with -9 is listed, and resumed to its end; what was done is not done again", async () => {
  const first = start("run", "held.blueprint.yaml", "--data", "data");
  await until(() => existsSync(join(folder, "holding")));
  first.kill("SIGKILL");
  await once(first, "close");
  const [{ executionId, state } = { executionId: "", state: "" }, ...others] = await list();
  expect([state, others]).toEqual(["interrupted", []]);
  writeFileSync(join(folder, "go"), "");
  const resumed = await run("resume", executionId.slice(0, 8), "--data", "data");
  expect(resumed).toMatchObject({ code: 0, text: expect.stringContaining('"end": "done\\n"') as string });
  expect(readFileSync(join(folder, "witness"), "utf8")).toBe("act\n");
  expect(await list()).toMatchObject([{ executionId, state: "completed" }]);
  expect((await run("resume", executionId, "--data", "data")).code).toBe(2);
  expect((await run("show", "nothing", "--data", "data")).text).toContain("no execution there has this id");
});

test("[R-CLI-31] serve with --data goes on with what was left; pause, resume and cancel reach it, and nobody else reads how", async () => {
  const first = start("run", "held.blueprint.yaml", "--data", "data");
  await until(() => existsSync(join(folder, "holding")));
  expect((await run("cancel", (await list())[0]!.executionId, "--data", "data")).text).toContain("has it open");
  first.kill("SIGKILL");
  await once(first, "close");
  const [{ executionId } = { executionId: "" }] = await list();

  const host = start("serve", "--data", "data", "--port", "0");
  await until(() => host.text().includes("Studio:"));
  expect(host.text()).toContain(`Going on with ${executionId}`);
  expect(statSync(join(folder, "data/host.json")).mode & 0o777).toBe(0o600);
  expect((await run("serve", "--data", "data", "--port", "0")).text).toContain("has it open");

  expect((await run("pause", executionId, "--data", "data")).text).toMatch(/paus(ing|ed)/);
  await until(async () => (await list())[0]!.state === "paused");
  expect((await run("resume", executionId, "--data", "data")).text).toContain("running");
  expect((await run("cancel", executionId, "--data", "data", "--reason", "enough")).code).toBe(0);
  await until(async () => (await list())[0]!.state === "cancelled");
  expect((await run("show", executionId, "--data", "data")).text).toContain("enough");

  host.kill("SIGTERM");
  await once(host, "close");
  expect(existsSync(join(folder, "data/host.json"))).toBe(false);
});

test.runIf(process.platform === "linux")(
  "[R-DUR-25] a program that a killed host left is ended before its execution goes on",
  async () => {
    const pids = (): number[] => readFileSync(join(folder, "pids"), "utf8").trim().split("\n").map(Number);
    const isAlive = (pid: number): boolean =>
      existsSync(`/proc/${pid}`) && !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
    const first = start("run", "held.blueprint.yaml", "--data", "data");
    await until(() => existsSync(join(folder, "holding")));
    first.kill("SIGKILL");
    await once(first, "close");
    const [left] = pids();
    expect(isAlive(left!)).toBe(true);
    const resumed = start("resume", (await list())[0]!.executionId, "--data", "data");
    await until(() => pids().length === 2);
    expect(isAlive(left!)).toBe(false);
    writeFileSync(join(folder, "go"), "");
    await once(resumed, "close");
    expect(resumed.exitCode).toBe(0);
  },
);

test("[R-CLI-34] what a dead host left is interrupted, with how to go on; show names waits, failures and outputs", async () => {
  const nodes = `  no: { uses: core/fail@1, with: { message: No luck } }
  sorry: { uses: core/transform@1, in: { e: no.error }, with: { expression: "'sorry'" } }
  ask: { uses: core/input.wait@1, after: [sorry], with: { prompt: Go on?, schema: { type: boolean } } }
`;
  const head = BLUEPRINT.slice(0, BLUEPRINT.indexOf("outputs:"));
  writeFileSync(
    join(folder, "asks.blueprint.yaml"),
    `${head}outputs:\n  end: { type: any, from: ask.value }\nnodes:\n${nodes}`,
  );
  const stopped = await run("run", "asks.blueprint.yaml", "--data", "data");
  expect(stopped).toMatchObject({ code: 1, text: expect.stringContaining('waits at "ask"') as string });
  const [{ executionId, state } = { executionId: "", state: "" }] = await list();
  expect([state, stopped.text.includes(`atomiton resume ${executionId} --data data`)]).toEqual(["interrupted", true]);
  const shown = (await run("show", executionId, "--data", "data")).text;
  for (const part of ["Go on?", "No luck", `atomiton resume ${executionId}`]) expect(shown).toContain(part);
  expect((await run("resume", executionId, "--data", "data")).text).toContain('waits at "ask"');

  writeFileSync(join(folder, "go"), "");
  await run("run", "held.blueprint.yaml", "--data", "data");
  const done = (await list()).find((one) => one.state === "completed");
  expect((await run("show", done!.executionId, "--data", "data")).text).toMatch(
    /"outputs": \{\s+"end": \{\s+"v": "done/,
  );
});

test("[R-CLI-37] a folder that another process has is refused with the ways out", async () => {
  start("run", "held.blueprint.yaml", "--data", "data");
  await until(() => existsSync(join(folder, "holding")));
  expect((await list())[0]!.state).toBe("running");
  const { code, text } = await run("run", "held.blueprint.yaml", "--data", "data");
  expect(text).toMatch(/has it open.*another folder.*atomiton serve/);
  expect(code).toBe(2);
});
