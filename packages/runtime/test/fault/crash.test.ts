import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, readFile, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterEach, beforeEach, expect, test } from "vitest";

import { journalIn, placesIn } from "../../src/journal/data-folder.ts";
import { FaultyDisk } from "../journal/faulty-disk.ts";
import { actsOf, crashRuntime, finish, graphOf200 } from "./crash-kit.ts";

const ID = "the-run";
/** Two kills and one life that ends: fifty kills. More would make nodes of one moment POISON. */
const RUNS = 25;
const KILLS = 2;
const HOST = fileURLToPath(new URL("fixtures/crash-host.ts", import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "atomiton-crash-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The outputs and the acts of a run that nobody disturbs, and how many records it makes. */
async function undisturbed(at: string): Promise<{ result: Record<string, unknown>; acts: string[]; records: number }> {
  const [dir, witness] = [join(folder, at), join(folder, `${at}.witness`)];
  const disk = new FaultyDisk();
  let records = 0;
  disk.before = () => void records++;
  const runtime = crashRuntime(dir, witness, { openJournal: disk.open });
  await runtime.execute({ inline: graphOf200("off") }, {}, { executionId: ID });
  const result = await runtime.waitForCompletion(ID);
  await runtime.close();
  return { result, acts: [...actsOf(witness).keys()].toSorted(), records };
}

test("[R-DUR-21] stopped at any record of a run of 200 nodes, it ends as if nothing had been; no write is done twice", async () => {
  const { result, acts, records } = await undisturbed("whole");
  expect(acts).toHaveLength(24);
  expect(records).toBeGreaterThan(400);
  const wrong: string[] = [];
  let next = 3;
  const worker = async (): Promise<void> => {
    for (let boundary = next++; boundary <= records; boundary = next++) {
      const [dir, witness] = [join(folder, `d${boundary}`), join(folder, `w${boundary}`)];
      await dieAt(boundary, dir, witness);
      const second = crashRuntime(dir, witness);
      await second.recover();
      const end = await finish(second, ID, witness).catch((error: Error) => error.message);
      await second.close();
      const done = actsOf(witness);
      const twice = [...done].filter(([, times]) => times > 1);
      const isSame = JSON.stringify(end) === JSON.stringify(result);
      if (!isSame || twice.length > 0 || [...done.keys()].toSorted().join() !== acts.join()) {
        wrong.push(`${boundary}: ${JSON.stringify({ end, twice, acts: done.size })}`);
      }
      await Promise.all([dir, witness].map((path) => rm(path, { recursive: true, force: true })));
    }
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
  expect(wrong).toEqual([]);
});

/** The process ends where record `boundary` would have been appended. */
async function dieAt(boundary: number, dir: string, witness: string): Promise<void> {
  const disk = new FaultyDisk();
  let seen = 0;
  disk.before = () => {
    if (++seen === boundary) disk.isDead = true;
  };
  const isDead = new Promise<void>((dead) => (disk.onDeath = dead));
  const runtime = crashRuntime(dir, witness, { openJournal: disk.open });
  await runtime.execute({ inline: graphOf200("off") }, {}, { executionId: ID });
  await isDead;
  await runtime.close();
}

test("[R-DUR-22] killed with -9 at some fifty moments, it ends as if nothing had been; no write is done twice", async () => {
  const { result, acts } = await undisturbed("whole");
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let run = next++; run < RUNS; run = next++) {
      const [dir, witness] = [join(folder, `d${run}`), join(folder, `w${run}`)];
      for (let life = 0; life < KILLS; life++) await live(dir, witness, (run * 7 + life * 3) % 45);
      const output = await live(dir, witness, undefined);
      expect(JSON.parse(output)).toEqual(result);
      expect([...actsOf(witness)].filter(([, times]) => times > 1)).toEqual([]);
      expect([...actsOf(witness).keys()].toSorted()).toEqual(acts);
    }
  };
  await Promise.all([worker(), worker()]);
}, 120_000);

/** A host in a process of its own, killed `killAfterMs` after it began to run; else its result. */
async function live(dir: string, witness: string, killAfterMs: number | undefined): Promise<string> {
  const host = spawn(process.execPath, ["--conditions=@atomiton/source", HOST, dir, witness, ID], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  host.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  const ended = once(host, "close");
  if (killAfterMs !== undefined) {
    await once(host.stdout, "data");
    await new Promise((turn) => setTimeout(turn, killAfterMs)); // real time: the moment of the kill is the test
    host.kill("SIGKILL");
  }
  await ended;
  return output.slice(output.indexOf("{"));
}

test("[R-DUR-23] a journal cut at any byte of its last record, and at bytes anywhere, is gone on with from its last whole record", async () => {
  const { result } = await undisturbed("whole");
  const place = (await placesIn(join(folder, "whole")))[0]!.path;
  const { size } = await stat(journalIn(place));
  const bytes = await readFile(journalIn(place));
  const ends: number[] = [];
  for (let at = 8; at < size; ends.push(at)) at += 8 + bytes.readUInt32LE(at);
  // Behind the second record it was accepted; cut before, there is no such execution.
  const [accepted, last] = [ends[1]!, ends.at(-2)!];
  const cuts = [
    ...Array.from({ length: 20 }, (_, n) => last + Math.floor(((size - last) * n) / 20)),
    ...Array.from({ length: 20 }, (_, n) => accepted + Math.floor(((last - accepted) * n) / 20)),
  ];
  for (const cut of cuts) {
    const [dir, witness] = [join(folder, `d${cut}`), join(folder, `w${cut}`)];
    const copy = join(dir, "exec", basename(dirname(place)), basename(place));
    await mkdir(copy, { recursive: true });
    await copyFile(journalIn(place), journalIn(copy));
    await truncate(journalIn(copy), cut);
    const runtime = crashRuntime(dir, witness);
    expect(await runtime.recover()).toEqual([{ executionId: ID }]);
    expect(await finish(runtime, ID, witness)).toEqual(result);
    await runtime.close();
  }
});
