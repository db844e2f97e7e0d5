/** `atomiton run` of what waits for somebody: with nobody there, and with a person at a terminal. The built command. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

const command = join(new URL("..", import.meta.url).pathname, "apps/cli/dist/atomiton.js");
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "atomiton-waits-e2e-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A Blueprint whose one node waits. */
function waiting(settings: string, more = ""): void {
  const text = `apiVersion: atomiton.dev/v1
kind: Blueprint
id: ask
name: Ask
version: "1.0.0"
${more}outputs:
  said: { type: any, from: approve.value }
nodes:
  approve: { uses: core/input.wait@1, with: { prompt: "Publish this?", ${settings} } }
`;
  writeFileSync(join(folder, "ask.blueprint.yaml"), text);
}

/** Types each of `answers` once its question stands there. */
async function ran(
  program: string,
  args: string[],
  answers: readonly (readonly [question: string, typed: string])[] = [],
) {
  const child = spawn(program, args, { cwd: folder });
  const left = [...answers];
  let [stdout, stderr, unread] = ["", "", ""];
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    stdout += part;
    unread += part;
    const [question, typed] = left[0] ?? [];
    if (question === undefined || !unread.includes(question)) return;
    left.shift();
    unread = "";
    child.stdin.write(`${typed}\n`);
  });
  child.stderr.setEncoding("utf8").on("data", (part: string) => (stderr += part));
  if (answers.length === 0) child.stdin.end();
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

const run = (...args: string[]) => ran(process.execPath, [command, "run", "ask.blueprint.yaml", ...args]);
const onTerminal = (...answers: (readonly [string, string])[]) =>
  ran("script", ["-qec", `"${process.execPath}" "${command}" run ask.blueprint.yaml`, "/dev/null"], answers);

test("[R-CLI-32] where nobody can answer, a run that waits without a timeout ends with 1 and names the node and the ways", async () => {
  waiting("schema: { type: boolean }");
  for (const options of [[], ["--json"]]) {
    const { code, stderr } = await run(...options);
    expect(stderr).toMatch(
      /Cannot go on: it waits at "approve" for an answer \(Publish this\?\).*atomiton serve.*onTimeout/,
    );
    expect(code).toBe(1);
  }
  const kept = await run("--data", "data");
  expect(kept.stderr).toMatch(
    /the execution is kept: atomiton serve --data data .* atomiton resume [-0-9a-f]{36} --data data/,
  );
  expect(kept.code).toBe(1);
});

test("[R-CLI-32] with a timeout it says until when, and goes on with what the node gives then", async () => {
  waiting("timeout: 1s, onTimeout: nobody");
  const { code, stdout, stderr } = await run();
  expect(stderr).toMatch(/Waiting at "approve" for an answer \(Publish this\?\) until \d{4}-\d\d-\d\d /);
  expect([code, JSON.parse(stdout)]).toEqual([0, { said: "nobody" }]);
});

test.runIf(process.platform === "linux")(
  "[R-CLI-33] on a terminal it asks, by field, again where the answer does not fit",
  async () => {
    waiting("schema: { type: boolean }");
    const yes = await onTerminal(["Answer (yes or no): ", "maybe"], ["Answer (yes or no): ", "yes"]);
    expect(yes.stdout).toContain("type yes or no");
    expect([yes.code, yes.stdout.includes('"said": true')]).toEqual([0, true]);

    waiting(
      "schema: { type: object, required: [n], properties: { n: { type: integer, minimum: 3 }, why: { type: string } } }",
    );
    const fields = await onTerminal(
      ["n (integer): ", "1"],
      ["why (string, may be empty): ", ""],
      ["n (integer): ", "4"],
      ["why (string, may be empty): ", "so"],
    );
    expect(fields.stdout).toContain("it still waits for one that fits");
    expect(fields.stdout.replace(/\s+/g, "")).toContain('"said":{"n":4,"why":"so"}');
    expect(fields.code).toBe(0);

    const hungUp = await onTerminal(["n (integer): ", "\u0004"]);
    expect([hungUp.code, hungUp.stdout.includes("Cannot go on")]).toEqual([1, true]);
  },
);

test("[R-CLI-33] a command that nothing can bring to its end says so, and ends with 1", async () => {
  waiting("schema: true");
  writeFileSync(join(folder, "never.mjs"), "await new Promise(() => {});");
  const { code, stderr } = await run("--nodes", join(folder, "never.mjs"));
  expect(stderr).toContain("Cannot go on: the command waits for something that nothing can bring any more");
  expect(code).toBe(1);
});
