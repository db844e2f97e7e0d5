import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { expect, test } from "vitest";

import { contract } from "../../../../examples/served-contract.ts";
import { compiledCodec } from "../../src/codec/compiled-codec.ts";
import type { EventsCodec } from "../../src/wire/codec.ts";

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

test("[E-BUS-93] a pool of threads of the README counts, and ends by itself", async () => {
  const program = new URL("../../../../examples/pool.ts", import.meta.url).pathname;
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ["--conditions=@atomiton/source", "--disable-warning=ExperimentalWarning", program],
    { timeout: 20_000 },
  );
  expect([stdout.trim(), stderr]).toEqual(["primes: 4, 25, 168, 1229", ""]);
});

test("[E-BUS-93] a page, a hub and a worker of the README find each other, and end by themselves", async () => {
  const program = new URL("../../../../examples/served.ts", import.meta.url).pathname;
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ["--conditions=@atomiton/source", "--disable-warning=ExperimentalWarning", program],
    { timeout: 20_000 },
  );
  expect(stdout.trim().split("\n")).toEqual(["pages: 1", "reply: { sum: 6 }", "event: { sum: 6 }"]);
  expect(stderr).toBe("");
});

test("[E-BUS-93] the layers of the README see, count and route what passes", async () => {
  const program = new URL("../../../../examples/layers.ts", import.meta.url).pathname;
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ["--conditions=@atomiton/source", "--disable-warning=ExperimentalWarning", program],
    { timeout: 20_000 },
  );
  const lines = stdout.trim().split("\n");
  expect(lines).toHaveLength(8);
  expect(lines).toEqual(
    expect.arrayContaining([
      "out job:do of hub",
      "in job:done of worker",
      "CloudEvent: job:done",
      "done by ann and bob",
      "job:do 2, job:done 2",
      "receive.job.do, send.job.done",
    ]),
  );
  expect(stderr).toBe("");
});

test("[E-BUS-93] the stream of the README reads a file, and ends by itself", async () => {
  const program = new URL("../../../../examples/streams.ts", import.meta.url).pathname;
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ["--conditions=@atomiton/source", "--disable-warning=ExperimentalWarning", program],
    { timeout: 20_000, cwd: new URL("../../../../", import.meta.url) },
  );
  expect([stdout.trim(), stderr]).toEqual(["README.md true", ""]);
});

test("[E-BUS-93] the build step of the README writes a module that is the codec of its contract", async () => {
  const program = new URL("../../../../examples/make-codec.ts", import.meta.url).pathname;
  const folder = mkdtempSync(join(import.meta.dirname, "codec-"));
  try {
    const file = join(folder, "served-codec.js");
    const { stderr } = await promisify(execFile)(
      process.execPath,
      ["--conditions=@atomiton/source", "--disable-warning=ExperimentalWarning", program, file],
      { timeout: 20_000 },
    );
    const { default: codec } = (await import(file)) as { default: EventsCodec };
    expect([codec.name, stderr]).toEqual([compiledCodec(contract).name, ""]);
    const frame = [0, { sum: 6 }, 0, { sum: 7 }];
    const bytes = codec.encoder(["sum:added"]).encode(frame, true)!;
    expect(compiledCodec(contract).decoder(["sum:added"]).decode(bytes, 64)).toEqual(frame);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
