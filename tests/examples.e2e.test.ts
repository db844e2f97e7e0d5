/** The examples as a user runs them: the built command, and outputs compared with files that Python computed. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = new URL("..", import.meta.url).pathname;
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "atomiton-examples-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(
  example: string,
): Promise<{ code: number | null; events: { type: string; data: any }[]; stderr: string }> {
  const args = [
    join(root, "apps/cli/dist/atomiton.js"),
    "run",
    join(root, "examples", example),
    "--json",
    "--input",
    `folder=${folder}`,
  ];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (text) => (stdout += text));
  child.stderr.on("data", (text) => (stderr += text));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  const events = stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
  return { code, events, stderr };
}

describe.each([
  ["01-birdstrikes.blueprint.yaml", ["01-costs.csv", "01-phases.csv", "01-species.csv", "01-rejected.csv"]],
  ["02-weather-files.blueprint.yaml", ["02-months.csv"]],
  ["03-earthquakes-http.blueprint.yaml", ["03-regions.csv"]],
])("%s", (example, files) => {
  test("writes what Python computed from the same data", async () => {
    const { code, events, stderr } = await run(example);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(events.at(-1)?.type).toBe("runtime:completed");
    for (const file of files)
      expect(readFileSync(join(folder, file), "utf8"), file).toBe(
        readFileSync(join(root, "examples/expected", file), "utf8"),
      );
  });
});
