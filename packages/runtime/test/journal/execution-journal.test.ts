import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { openBlobStore } from "../../src/blobs/blob-store.ts";
import { DataFolder, folderName, journalIn, openFile, placesIn, readPast } from "../../src/journal/data-folder.ts";
import type { Durability } from "../../src/journal/durability.ts";
import { type ExecutionJournal, openExecutionJournal } from "../../src/journal/execution-journal.ts";
import { Past } from "../../src/journal/past.ts";
import type { ExecutionRecord, Settled } from "../../src/journal/records.ts";
import { loadValues, storeValues } from "../../src/journal/stored-values.ts";
import { FakeClock } from "../engine/fake-clock.ts";
import { FaultyDisk } from "./faulty-disk.ts";

let dir: string;
const open: ExecutionJournal[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "atomiton-data-"));
});
afterEach(async () => {
  for (const journal of open.splice(0)) await journal.close();
  await rm(dir, { recursive: true });
});

const started = (p: string, a = 1): ExecutionRecord => ({ k: "started", p, a });
const settled = (p: string, more: Partial<Settled> = {}): ExecutionRecord => ({
  k: "settled",
  p,
  a: 1,
  s: "completed",
  ...more,
});

async function journal(durability: Durability = "group") {
  const clock = new FakeClock();
  const disk = new FaultyDisk();
  const opened = await openExecutionJournal({
    clock,
    durability,
    open: () => disk.open(join(dir, "journal.atj"), durability),
  });
  open.push(opened);
  return { journal: opened, clock, disk };
}

const records = async (): Promise<ExecutionRecord[]> => {
  const file = await openFile(join(dir, "journal.atj"), "group");
  const all: ExecutionRecord[] = [];
  for await (const { value } of file.read()) all.push(value);
  await file.close();
  return all;
};

test("[R-DUR-1] records are stored together: 5 ms after the first, at 64 KiB, or when somebody waits", async () => {
  const { journal: one, clock, disk } = await journal();
  for (let n = 0; n < 20; n++) one.append(started(`n${n}`));
  expect(one.gauge()).toEqual({ pending: 20, stored: 0 });
  expect(disk.flushes).toBe(0);
  await clock.move(5);
  expect(disk.flushes).toBe(1);
  await one.durable();
  expect(one.gauge()).toEqual({ pending: 0, stored: 20 });
  expect(one.durable()).toBeUndefined();
  const before = disk.flushes;
  for (let n = 0; n < 3; n++) one.append(settled("large", { why: "x".repeat(30_000) }));
  expect(disk.flushes).toBe(before + 1);
});

test("[R-DUR-1] with durability sync each record is stored by itself", async () => {
  const { journal: one, disk } = await journal("sync");
  one.append(started("a"));
  one.append(started("b"));
  expect(disk.flushes).toBe(2);
  await one.durable();
});

test("[R-DUR-2] a record that names a blob comes after the blob, and what follows it comes after it", async () => {
  const { journal: one } = await journal();
  let stored!: (record: ExecutionRecord) => void;
  one.append(started("a"));
  one.append(new Promise<ExecutionRecord>((done) => (stored = done)));
  const mutable = { k: "started", p: "c", a: 1 };
  one.append(mutable as ExecutionRecord);
  mutable.p = "changed since";
  let isDone = false;
  const done = one.durable()!.then(() => (isDone = true));
  await new Promise((turn) => setImmediate(turn));
  expect(isDone).toBe(false);
  stored(started("b"));
  await done;
  await one.close();
  expect((await records()).map((record) => "p" in record && record.p)).toEqual(["a", "b", "c"]);
});

test("[R-DUR-3] values above 32 KiB are blobs, others stand inside, and both come back as they were", async () => {
  const blobs = openBlobStore({ dir: join(dir, "blobs") });
  const store = {
    blobs,
    sizeOf: (value: unknown) => JSON.stringify(value).length,
    isSecret: (v: unknown) => v === "pw",
  };
  const values = { small: { a: 1 }, large: "é".repeat(40_000), secret: "pw", call: () => 1, none: undefined };
  const stored = await storeValues(values, store);
  expect(stored).toMatchObject({ small: { v: { a: 1 } }, secret: { lost: true }, call: { lost: true } });
  const ref = (stored["large"] as { blob: { $blob: string; size: number; type: string } }).blob;
  expect(await blobs.has(ref)).toBe(true);
  const { small, large } = stored;
  expect(await loadValues({ small: small!, large: large! }, blobs)).toEqual({
    small: values.small,
    large: values.large,
  });
  await expect(loadValues(stored, blobs)).rejects.toMatchObject({ code: "BLOB_LOST" });
  await blobs.close();
});

test("[R-DUR-4] where the disk fails nothing is lost: it is told once, who waits goes on waiting, and retry stores it", async () => {
  const { journal: one, clock, disk } = await journal();
  const failures: string[] = [];
  one.onFailure = ({ message }) => failures.push(message);
  one.append(started("a"));
  await one.durable();
  disk.isFull = true;
  one.append(started("b"));
  let isDone = false;
  const done = one.durable()!.then(() => (isDone = true));
  await new Promise((turn) => setImmediate(turn));
  one.append(started("c"));
  await clock.move(1_000);
  await new Promise((turn) => setImmediate(turn));
  expect(failures).toHaveLength(1);
  expect(isDone).toBe(false);
  await expect(one.retry()).rejects.toThrow("ENOSPC");
  expect(isDone).toBe(false);
  disk.isFull = false;
  await one.retry();
  await done;
  expect(one.gauge().pending).toBe(0);
  await one.close();
  expect((await records()).map((record) => "p" in record && record.p)).toEqual(["a", "b", "c"]);
});

test("[R-DUR-5] after the last record nothing is appended, and closing ends every wait", async () => {
  const { journal: one, disk } = await journal();
  one.end({ k: "terminal", s: "completed" });
  one.append(started("late"));
  disk.isFull = true;
  const waiting = one.durable()!.catch((error: unknown) => error);
  await one.close();
  expect(await waiting).toMatchObject({ code: "CLOSED" });
  disk.isFull = false;
  expect(one.gauge().pending).toBe(1);
});

test("[R-DUR-6] the records of an execution tell where it stood: what ended, what ran, what waits, and how often a host died with it", async () => {
  const past = new Past();
  const tell = (...all: ExecutionRecord[]): void => all.forEach((record, at) => past.add(record, at));
  tell(
    { k: "claimed", host: "h", epoch: 1 },
    { k: "started", p: "each", a: 1, inside: true },
    started("each[k]/a"),
    settled("each[k]/a"),
    started("each[k]/b"),
    { k: "step", p: "each[k]/b", key: "s", value: { v: 7 } },
    started("slow"),
    { k: "timer", p: "slow", a: 1, until: 900 },
    { k: "claimed", host: "h", epoch: 2 },
    started("each[k]/b"),
  );
  past.end();
  expect([past.epoch, past.deaths]).toEqual([2, 2]);
  expect(past.take("each[k]/a")).toMatchObject({ at: "final" });
  expect(past.take("each[k]/a")).toBeUndefined();
  expect(past.isFinal("each[k]/a")).toBe(true);
  expect(past.take("each[k]/b")).toMatchObject({ at: "running", attempt: 1, deaths: 2 });
  expect(past.take("slow")).toMatchObject({ at: "backoff", attempt: 1, until: 900, deaths: 0 });
  expect(past.take("each")).toMatchObject({ at: "running", deaths: 0 });
  past.forgetInside("each");
  expect(past.isFinal("each[k]/a")).toBe(false);
  // A host that goes in good order kills nothing.
  tell({ k: "claimed", host: "h", epoch: 3 }, started("slow", 2), { k: "released" });
  past.end();
  expect(past.take("slow")).toBeUndefined();
  expect(past.deaths).toBe(2);
});

test("[R-DUR-7] a data folder has one host at a time; ids of any text have a place in it", async () => {
  const folder = await DataFolder.open(dir);
  await expect(DataFolder.open(dir)).rejects.toMatchObject({ code: "LOCKED" });
  const at = Date.UTC(2026, 10, 22);
  const place = await folder.place("../../etc/passwd", at);
  expect(place.startsWith(join(dir, "exec", "2026-11", "~"))).toBe(true);
  expect(folderName("..")).toMatch(/^~/);
  expect(folderName("run-1.a")).toBe("run-1.a");
  const file = await openFile(journalIn(place), "group");
  file.append({ k: "claimed", host: "h", epoch: 4 });
  await file.flush();
  expect((await readPast(place)).epoch).toBe(4);
  await file.close();
  expect(await placesIn(dir)).toMatchObject([{ path: place, isOver: false }]);
  expect(await placesIn(join(dir, "nothing"))).toEqual([]);
  await folder.close();
  await (await DataFolder.open(dir)).close();
});
