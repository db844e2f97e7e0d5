import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { crc32c } from "../../src/journal/crc32c.ts";
import { fileJournal, type FileJournalOptions } from "../../src/journal/file.ts";
import type { Journal } from "../../src/journal/journal.ts";
import { recordedJournal } from "../../src/journal/recording.ts";

let folder: string;
let path: string;
const journals: Journal[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "atomiton-journal-"));
  path = join(folder, "j.atj");
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const journal of journals.splice(0)) await journal.close().catch(() => {});
  await rm(folder, { recursive: true });
});

async function use(at = path, options: FileJournalOptions = {}): Promise<Journal> {
  const journal = await fileJournal(at, options);
  journals.push(journal);
  return journal;
}

async function values(journal: Journal): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const { value } of journal.read()) all.push(value);
  return all;
}

/** A closed journal of `count` entries, each flushed before the next, and where each record ends. */
async function written(count: number): Promise<{ ends: number[]; bytes: Buffer }> {
  const journal = await use();
  const ends: number[] = [];
  for (let n = 1; n <= count; n++) {
    journal.append({ n, text: "é".repeat(n) });
    await journal.flush();
    ends.push((await stat(path)).size);
  }
  await journal.close();
  return { ends, bytes: await readFile(path) };
}

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "no error",
    (error: { code?: unknown }) => error.code,
  );

test("[E-JRN-20] cut at any byte, the file opens with every whole entry before the cut and goes on from there", async () => {
  const { ends, bytes } = await written(6);
  const copy = join(folder, "cut.atj");
  for (let cut = 0; cut <= bytes.byteLength; cut++) {
    await writeFile(copy, bytes.subarray(0, cut));
    const whole = ends.filter((end) => end <= cut).length;
    const good = cut < 8 ? 0 : (ends[whole - 1] ?? 8);
    const recording = recordedJournal(new Uint8Array(bytes.subarray(0, cut)));
    expect([cut, recording.last, recording.stats().cutBytes]).toEqual([cut, whole, cut - good]);

    const journal = await fileJournal(copy);
    expect([cut, journal.last, journal.stats().cutBytes]).toEqual([cut, whole, cut - good]);
    expect(journal.append("next")).toBe(whole + 1);
    await journal.close();
    const again = await fileJournal(copy);
    expect((await values(again)).length).toBe(whole + 1);
    expect(again.stats().cutBytes).toBe(0);
    await again.close();
  }
});

test("[E-JRN-21] any wrong byte in an entry that was promised is JOURNAL, and the file stays as it is", async () => {
  const { ends, bytes } = await written(5);
  const copy = join(folder, "bad.atj");
  for (let at = 0; at < ends[3]!; at++) {
    const bad = Buffer.from(bytes);
    bad[at] = bad[at]! ^ 0x55;
    await writeFile(copy, bad);
    expect([at, await codeOf(fileJournal(copy))]).toEqual([at, "JOURNAL"]);
    expect((await readFile(copy)).equals(bad)).toBe(true);
    expect(() => recordedJournal(new Uint8Array(bad))).toThrow(expect.objectContaining({ code: "JOURNAL" }));
    const whole = ends.filter((end) => end <= at).length;
    if (whole === 0) continue;
    const saved = recordedJournal(new Uint8Array(bad), { salvage: true });
    expect([at, saved.last, (await values(saved)).length]).toEqual([at, whole, whole]);
  }
  // Of the last one nobody can say whether it was promised: it is a torn end.
  for (let at = ends[3]!; at < ends[4]!; at++) {
    const bad = Buffer.from(bytes);
    bad[at] = bad[at]! ^ 0x55;
    await writeFile(copy, bad);
    const journal = await fileJournal(copy);
    expect([at, journal.last, journal.stats().cutBytes]).toEqual([at, 4, ends[4]! - ends[3]!]);
    await journal.close();
  }
  expect((await readdir(folder)).toSorted()).toEqual(["bad.atj", "j.atj"]);
});

test("[E-JRN-21] a hole in a group that was not promised yet is a torn end", async () => {
  await (await use()).close();
  const before = (await stat(path)).size;
  const journal = await use();
  for (let n = 1; n <= 10; n++) journal.append("x".repeat(100));
  await journal.close();
  const file = await open(path, "r+");
  await file.write(Buffer.alloc(50), 0, 50, before + 300);
  await file.close();
  expect((await use()).last).toBe(2);
});

test("[E-JRN-22] a number that is missing in the middle is JOURNAL", async () => {
  const { ends, bytes } = await written(5);
  await writeFile(path, Buffer.concat([bytes.subarray(0, ends[1]), bytes.subarray(ends[2])]));
  await expect(fileJournal(path)).rejects.toMatchObject({ code: "JOURNAL", details: { after: 2, found: 4 } });
});

test("[E-JRN-23] what is no journal is left alone", async () => {
  for (const text of ["ATJ1\n\u001a\n", "not a journal at all", "\n"]) {
    await writeFile(path, text);
    expect(await codeOf(fileJournal(path))).toBe("JOURNAL");
    expect(await readFile(path, "utf8")).toBe(text);
  }
  expect(await codeOf(fileJournal(join(folder, "no", "such", "folder.atj")))).toBe("ENOENT");
  expect(await readdir(folder)).toEqual(["j.atj"]);
});

test.each([
  ["small entries", "10", "", 25],
  ["entries of 64 KiB, trimmed and copied together", "65536", "trims", 15],
])(
  "[E-JRN-24] killed with -9 at any moment, it keeps every entry that was promised: %s",
  { timeout: 60_000 },
  async (_name, size, trims, rounds) => {
    const program = new URL("./fixtures/append-until-killed.ts", import.meta.url).pathname;
    let promised = 0;
    for (let round = 1; round <= rounds; round++) {
      const child = spawn(process.execPath, [program, path, size, trims], { stdio: ["ignore", "pipe", "inherit"] });
      const exited = once(child, "exit");
      const lines = createInterface({ input: child.stdout });
      let heard = 0;
      for await (const line of lines) {
        promised = Number(line);
        heard += 1;
        // Somewhere in the middle of the next writes, at another place each round.
        if (heard === ((round * 7) % 40) + 1) child.kill("SIGKILL");
      }
      expect((await exited)[1]).toBe("SIGKILL");
      // A dead process's lock is no obstacle.
      const journal = await fileJournal<{ n: number; fill: string }>(path);
      expect(journal.last).toBeGreaterThanOrEqual(promised);
      const { first, last } = journal.stats();
      const read: number[] = [];
      for await (const { seq, value } of journal.read()) {
        expect([value.n, value.fill.length]).toEqual([seq, Number(size)]);
        read.push(seq);
      }
      expect(read).toEqual(Array.from({ length: last - first + 1 }, (_, n) => first + n));
      // It trims 20 behind its last entry, of which up to four may have died with it.
      expect(first).toBeLessThanOrEqual(Math.max(1, last - 16));
      await journal.close();
    }
    expect(await readdir(folder)).toEqual(["j.atj"]);
  },
);

test("[E-JRN-25] one process at a time: a second opening is JOURNAL, a dead process's lock is taken over", async () => {
  const journal = await use();
  expect(await codeOf(fileJournal(path))).toBe("JOURNAL");
  await journal.close();
  await writeFile(`${path}.lock`, String(process.ppid));
  await expect(fileJournal(path)).rejects.toMatchObject({ code: "JOURNAL", details: { holder: process.ppid } });
  // An id that no process has; our own from before a restart; and half a lock.
  for (const stale of ["4194999", String(process.pid), ""]) {
    await writeFile(`${path}.lock`, stale);
    await (await use()).close();
  }
  expect(await readdir(folder)).toEqual(["j.atj"]);
});

test("[E-JRN-26] forgotten entries give their place back, and a reader under way is not disturbed", async () => {
  await writeFile(`${path}.new`, "left by a crash");
  const journal = await use(path, { maxEntries: 64 });
  const fill = "x".repeat(100_000);
  for (let n = 1; n <= 64; n++) journal.append([n, fill]);
  await journal.flush();
  const reading = journal.read();
  expect((await reading.next()).value).toMatchObject({ seq: 1 });
  for (let n = 65; n <= 200; n++) {
    journal.append([n, fill]);
    if (n % 10 === 0) await journal.flush();
  }
  await journal.flush();
  expect((await stat(path)).size).toBeLessThan(2 * 64 * 100_100 + 1024 * 1024);
  const rest: number[] = [];
  for await (const { seq } of reading) rest.push(seq);
  expect(rest).toEqual(Array.from({ length: 63 }, (_, n) => n + 2));
  const kept = (await values(journal)).map((value) => (value as [number])[0]);
  expect(kept.at(-1)).toBe(200);
  expect(kept.length).toBe(journal.stats().entries);
  await journal.close();
  const again = await use(path, { maxEntries: 64 });
  expect((await values(again)).map((value) => (value as [number])[0])).toEqual(kept);
  expect((await readdir(folder)).toSorted()).toEqual(["j.atj", "j.atj.lock"]);
});

test("[E-JRN-27] what is appended while the disk works is stored together", async () => {
  const journal = await use();
  const probe = await open(path, "r");
  const datasync = vi.spyOn(Object.getPrototypeOf(probe) as { datasync(): Promise<void> }, "datasync");
  await probe.close();
  for (let n = 1; n <= 1_000; n++) journal.append(n);
  await Promise.all([journal.flush(), journal.flush()]);
  expect(datasync).toHaveBeenCalledTimes(1);
  await journal.flush();
  expect(datasync).toHaveBeenCalledTimes(1);
  const quick = await use(join(folder, "quick.atj"), { durability: "process" });
  datasync.mockClear();
  quick.append(1);
  await quick.flush();
  expect(datasync).not.toHaveBeenCalled();
  expect(await values(quick)).toEqual([1]);
});

test("[E-JRN-28] bytes that wait for the disk are bounded: QUEUE_FULL, and nothing is lost", async () => {
  const journal = await use(path, { maxPendingBytes: 1_000 });
  let taken = 0;
  expect(() => {
    for (;;) {
      journal.append("x".repeat(100));
      taken += 1;
    }
  }).toThrow(expect.objectContaining({ code: "QUEUE_FULL" }));
  expect(journal.stats().pendingBytes).toBeLessThanOrEqual(1_000);
  await journal.flush();
  expect(journal.append("on")).toBe(taken + 1);
  expect((await values(journal)).length).toBe(taken + 1);
});

test("[E-JRN-29] after a failed write it takes no more, says why, and opens again with what was stored", async () => {
  const journal = await use();
  journal.append(1);
  await journal.flush();
  const probe = await open(path, "r");
  const write = vi.spyOn(Object.getPrototypeOf(probe) as { write(): Promise<unknown> }, "write");
  await probe.close();
  write.mockRejectedValueOnce(Object.assign(new Error("no space left on device"), { code: "ENOSPC" }));
  journal.append(2);
  await expect(journal.flush()).rejects.toMatchObject({ code: "JOURNAL", details: { stored: 1 } });
  expect(() => journal.append(3)).toThrow(expect.objectContaining({ code: "JOURNAL" }));
  expect(await codeOf(journal.read().next())).toBe("JOURNAL");
  expect(await codeOf(journal.close())).toBe("JOURNAL");
  const again = await use();
  expect(await values(again)).toEqual([1]);
  expect(again.append(2)).toBe(2);
});

test("[E-JRN-30] damage behind the back of an open journal is told by the read", async () => {
  const journal = await use();
  for (let n = 1; n <= 3; n++) {
    journal.append("x".repeat(100));
    await journal.flush();
  }
  await truncate(path, 200);
  const seen: number[] = [];
  const read = (async () => {
    for await (const { seq } of journal.read()) seen.push(seq);
  })();
  expect(await codeOf(read)).toBe("JOURNAL");
  expect(seen).toEqual([1]);
});

test("[E-JRN-31] the bytes of a file are a journal to read, and to read alone", async () => {
  const journal = await use();
  for (let n = 1; n <= 20; n++) journal.append({ n });
  journal.trim(6);
  await journal.flush();
  await copyFile(path, join(folder, "copy.atj"));
  const recording = recordedJournal<{ n: number }>(new Uint8Array(await readFile(join(folder, "copy.atj"))));
  expect([recording.last, recording.stats().first, recording.stats().entries]).toEqual([20, 6, 15]);
  expect(await values(recording)).toEqual(await values(journal));
  expect((await recording.read({ from: 9 }).next()).value).toMatchObject({ seq: 9, value: { n: 9 } });
  expect(() => recording.append({ n: 1 })).toThrow(TypeError);
  expect(() => recording.trim(9)).toThrow(TypeError);
  await recording.close();
  expect(await codeOf(recording.read().next())).toBe("CLOSED");
});

test("[E-JRN-32] a record is length, CRC-32C and MessagePack: bytes that will be read for ever", async () => {
  expect(crc32c(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
  const journal = await use(path, {
    clock: { now: () => 5, monotonic: () => 5, after: () => () => {}, endOfTick() {} },
  });
  journal.append({ a: 1 });
  await journal.close();
  expect((await readFile(path)).toString("hex")).toMatchInlineSnapshot(
    `"41544a310d0a1a0a09000000e454b2d3950001000581a16101"`,
  );
});

test("[E-JRN-33] with writeOn flush, entries are written when somebody asks, all at once", async () => {
  const journal = await use(path, { writeOn: "flush" });
  const { size } = await stat(path);
  for (let n = 0; n < 10; n++) journal.append({ n });
  // The job that a commit on append would be, and what follows it, have had their turns.
  await stat(path);
  expect((await stat(path)).size).toBe(size);
  expect(journal.stats().pendingBytes).toBeGreaterThan(0);
  await journal.flush();
  expect(journal.stats().pendingBytes).toBe(0);
  journal.append({ n: 10 });
  expect(await values(journal)).toHaveLength(11);
  journal.append({ n: 11 });
  await journal.close();
  expect(await values(await use(path))).toHaveLength(12);
});
