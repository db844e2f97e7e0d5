import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { expect, test } from "vitest";

test("[E-BUS-93] the program of the README runs, says what it should, and ends by itself", async () => {
  const program = new URL("../../../../examples/events.ts", import.meta.url).pathname;
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ["--conditions=@atomiton/source", "--disable-warning=ExperimentalWarning", program],
    { timeout: 20_000 },
  );
  expect(stdout.trim().split("\n")).toEqual([
    "link: dialing",
    "link: open",
    "{ text: 'Hello, Ada' }",
    "heard: Hello, Ada true",
    "heard: Hello, Grace true",
    "link: closed",
  ]);
  expect(stderr).toBe("");
});
