import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { afterEach, beforeEach, expect, test } from "vitest";

import { openBlobStore } from "../../src/blobs/blob-store.ts";
import type { NodeContext } from "../../src/blueprint/define-node.ts";
import { core } from "./core.ts";

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "csv-test-"));
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

test("[R-NODE-36] core/csv.read passes 100 MB through without standing in memory, and stops on abort", async () => {
  const path = join(cwd, "large.csv");
  const fields = Array.from({ length: 8 }, (_, index) => `field ${index} of a row`.padEnd(124, "."));
  const line = `${fields.join(",")}\n`;
  const block = line.repeat(100);
  const blocks = Math.ceil(100_000_000 / block.length);
  await pipeline(
    Readable.from(
      (function* () {
        yield "a,b,c,d,e,f,g,h\n";
        for (let index = 0; index < blocks; index += 1) yield block;
      })(),
    ),
    createWriteStream(path),
  );
  let rows = 0;
  let peak = 0;
  const before = process.memoryUsage().rss;
  const blobs = openBlobStore({ memory: true });
  const contextFor = (signal: AbortSignal, onRow: () => void) =>
    ({
      in: {},
      config: core("csv.read").config.parse({ path }),
      cwd,
      signal,
      blob: blobs,
      progress: () => (peak = Math.max(peak, process.memoryUsage.rss())),
      emit: async () => onRow(),
    }) as unknown as NodeContext<any, any, any>;
  await core("csv.read").run(contextFor(new AbortController().signal, () => (rows += 1)));
  expect(rows).toBe(blocks * 100);
  expect(peak - before).toBeLessThan(64 * 1024 * 1024);

  const controller = new AbortController();
  let seen = 0;
  const stopped = core("csv.read").run(
    contextFor(controller.signal, () => void (++seen === 1000 && controller.abort("cancelled"))),
  );
  await expect(stopped).rejects.toBe("cancelled");
  expect(seen).toBeLessThan(3000);
}, 60_000);
