import type { Clock } from "../core/clock.ts";
import type { EventsErrorCode } from "../core/errors.ts";
import type { Journal, JournalEntry, JournalOptions } from "./journal.ts";

/** One journal under test, and how to open it again where it outlives its closing. */
export interface JournalUnderTest {
  readonly journal: Journal<any>;
  /** Closes nothing: called after `journal.close()`. Left out for journals that end with the process. */
  reopen?(options?: JournalOptions): Promise<Journal<any>>;
  dispose?(): void | Promise<void>;
}

type TestFunction = (name: string, run: () => Promise<void>) => unknown;

/**
 * What every journal keeps. Each rule is one test with the id that SPEC.md gives it.
 *
 * @example
 * import { test } from "vitest";
 * journalContract("ring", async (options) => ({ journal: ringJournal(options) }), test);
 */
export function journalContract(
  name: string,
  make: (options: JournalOptions) => Promise<JournalUnderTest>,
  test: TestFunction,
): void {
  for (const rule of RULES) {
    test(`${rule.name} (${name})`, async () => {
      let now = 1_000;
      const clock: Clock = { now: () => now, monotonic: () => now, after: () => () => {}, endOfTick: queueMicrotask };
      const tested = await make({ clock, ...rule.options });
      try {
        await rule.check(tested.journal, { later: (ms) => void (now += ms), reopen: tested.reopen?.bind(tested) });
      } finally {
        await tested.journal.close();
        await tested.dispose?.();
      }
    });
  }
}

interface Around {
  readonly later: (ms: number) => void;
  readonly reopen: ((options?: JournalOptions) => Promise<Journal<any>>) | undefined;
}

interface Rule {
  readonly name: string;
  readonly options?: JournalOptions;
  check(journal: Journal<any>, around: Around): Promise<void>;
}

const RULES: readonly Rule[] = [
  {
    name: "[E-JRN-1] numbers entries from 1 without a hole, and reads them back in order with their time",
    async check(journal, { later }) {
      equal([journal.last, journal.stats().entries, await all(journal)], [0, 0, []], "an empty journal");
      equal([journal.append("a"), journal.append("b")], [1, 2], "the numbers");
      later(5);
      equal(journal.append("c"), 3, "the number");
      const expected = [
        { seq: 1, ts: 1_000, value: "a" },
        { seq: 2, ts: 1_000, value: "b" },
        { seq: 3, ts: 1_005, value: "c" },
      ];
      equal(await all(journal), expected, "the entries");
      equal(journal.last, 3, "last");
    },
  },
  {
    name: "[E-JRN-2] reads a range, both ends included, and what lies outside is no error",
    async check(journal) {
      for (let n = 1; n <= 600; n++) journal.append(n);
      equal(await values(journal, { from: 599 }), [599, 600], "from 599");
      equal(await values(journal, { from: 300, to: 302 }), [300, 301, 302], "300 to 302");
      equal(await values(journal, { to: 2 }), [1, 2], "to 2");
      equal(await values(journal, { from: 601 }), [], "behind the end");
      equal(await values(journal, { from: -5, to: 1 }), [1], "before the beginning");
      equal(await values(journal, { from: 5, to: 4 }), [], "an empty range");
    },
  },
  {
    name: "[E-JRN-3] keeps a copy of every kind of value that may cross a boundary",
    async check(journal) {
      const value = {
        list: [1, { deep: true }],
        when: new Date(7),
        map: new Map([["k", 1n]]),
        bytes: Uint8Array.of(1, 2),
      };
      journal.append(value);
      value.list.push(2);
      value.bytes[0] = 9;
      const [entry] = await all(journal);
      equal(entry?.value.list, [1, { deep: true }], "the list");
      equal([entry?.value.when.getTime(), entry?.value.map.get("k") === 1n], [7, true], "the date and the map");
      equal([...entry!.value.bytes], [1, 2], "the bytes");
      for (const odd of [undefined, null, "", 0, -1.5, "ü😀"]) journal.append(odd);
      equal((await values(journal)).slice(1), [undefined, null, "", 0, -1.5, "ü😀"], "odd values");
    },
  },
  {
    name: "[E-JRN-4] refuses a value that cannot be kept, and goes on without a hole",
    options: { maxEntryBytes: 1_000 },
    async check(journal) {
      journal.append(1);
      equal(
        code(() => journal.append(() => 1)),
        "UNCLONEABLE",
        "a function",
      );
      equal(
        code(() => journal.append("x".repeat(2_000))),
        "LIMIT",
        "2,000 characters",
      );
      equal(journal.append(2), 2, "the next number");
      equal(await values(journal), [1, 2], "the values");
    },
  },
  {
    name: "[E-JRN-5] reads what was there when the reading began, while others append and trim",
    async check(journal) {
      for (let n = 1; n <= 1_000; n++) journal.append(n);
      const seen: number[] = [];
      for await (const { seq } of journal.read()) {
        seen.push(seq);
        if (seq <= 100) journal.append("later");
      }
      equal([seen.length, seen.at(-1)], [1_000, 1_000], "what was read");
      for await (const { seq } of journal.read({ from: 1 })) if (seq === 1) break;
      equal(journal.last, 1_100, "last");
    },
  },
  {
    name: "[E-JRN-6] forgets before a number when told to; numbers go on",
    async check(journal) {
      for (let n = 1; n <= 10; n++) journal.append(n);
      journal.trim(4);
      equal(await values(journal), [4, 5, 6, 7, 8, 9, 10], "the values");
      equal(
        [journal.stats().first, journal.stats().entries, journal.stats().trimmed],
        [4, 7, 3],
        "first, entries, trimmed",
      );
      journal.trim(2);
      equal(journal.stats().first, 4, "first");
      journal.trim(99);
      equal([journal.stats().first, journal.stats().entries, journal.last], [11, 0, 10], "an emptied journal");
      equal([journal.append("next"), await values(journal)], [11, ["next"]], "the next entry");
    },
  },
  {
    name: "[E-JRN-7] stays inside its number of entries, the oldest go first",
    options: { maxEntries: 5 },
    async check(journal) {
      for (let n = 1; n <= 20; n++) {
        journal.append(n);
        ok(journal.stats().entries <= 5, `it holds ${journal.stats().entries} entries after ${n}`);
      }
      equal(await values(journal), [16, 17, 18, 19, 20], "the values");
      equal(journal.stats().trimmed, 15, "trimmed");
    },
  },
  {
    name: "[E-JRN-8] stays inside its bytes, the oldest go first",
    options: { maxBytes: 10_000 },
    async check(journal) {
      for (let n = 1; n <= 200; n++) {
        journal.append("x".repeat(100));
        ok(journal.stats().bytes <= 10_000, `it holds ${journal.stats().bytes} bytes after ${n}`);
      }
      const { entries, first } = journal.stats();
      ok(entries > 50, `only ${entries} entries are left`);
      equal(
        (await all(journal)).map(({ seq }) => seq),
        Array.from({ length: entries }, (_, n) => first + n),
        "the numbers",
      );
      equal(
        code(() => journal.append("x".repeat(10_000))),
        "LIMIT",
        "more than all of it",
      );
    },
  },
  {
    name: "[E-JRN-9] forgets what is too old, also when nothing is appended",
    options: { maxAgeMs: 100, maxEntries: 16 },
    async check(journal, { later }) {
      journal.append("old");
      later(60);
      journal.append("newer");
      later(60);
      equal(await values(journal), ["newer"], "after 120 ms");
      later(60);
      equal([journal.stats().entries, await values(journal)], [0, []], "after 180 ms");
      equal(journal.append("next"), 3, "the next number");
    },
  },
  {
    name: "[E-JRN-10] with `refuse`, a full journal takes no more and forgets nothing",
    options: { maxEntries: 2, whenFull: "refuse" },
    async check(journal) {
      journal.append(1);
      journal.append(2);
      equal(
        code(() => journal.append(3)),
        "LIMIT",
        "the third",
      );
      equal(await values(journal), [1, 2], "the values");
      journal.trim(2);
      equal(journal.append(3), 3, "after a trim");
    },
  },
  {
    name: "[E-JRN-11] after close it says so, and closing twice is closing once",
    async check(journal) {
      journal.append(1);
      await journal.close();
      await journal.close();
      equal(
        code(() => journal.append(2)),
        "CLOSED",
        "append",
      );
      equal(
        code(() => journal.trim(2)),
        "CLOSED",
        "trim",
      );
      equal(await journal.flush().catch((error: { code?: unknown }) => error.code), "CLOSED", "flush");
      equal(await values(journal).catch((error: { code?: unknown }) => error.code), "CLOSED", "read");
    },
  },
  {
    name: "[E-JRN-12] what was flushed, trimmed and numbered is the same after opening again",
    async check(journal, { reopen }) {
      for (let n = 1; n <= 50; n++) journal.append({ n });
      journal.trim(11);
      await journal.flush();
      equal(journal.stats().pendingBytes, 0, "pending bytes");
      if (!reopen) return;
      await journal.close();
      let again = await reopen();
      equal([again.last, again.stats().first], [50, 11], "last and first");
      equal(
        (await all(again)).map(({ seq, value }) => [seq, value.n]),
        Array.from({ length: 40 }, (_, n) => [n + 11, n + 11]),
        "the entries",
      );
      again.trim(99);
      await again.close();
      again = await reopen();
      equal([again.last, await all(again)], [50, []], "an emptied journal");
      equal(again.append("on"), 51, "the next number");
      await again.close();
    },
  },
];

async function all(journal: Journal<any>, range?: { from?: number; to?: number }): Promise<JournalEntry<any>[]> {
  const entries: JournalEntry<any>[] = [];
  for await (const entry of journal.read(range)) entries.push(entry);
  return entries;
}

async function values(journal: Journal<any>, range?: { from?: number; to?: number }): Promise<unknown[]> {
  return (await all(journal, range)).map(({ value }) => value as unknown);
}

function code(run: () => unknown): EventsErrorCode | "no error" {
  try {
    run();
    return "no error";
  } catch (error) {
    return (error as { code: EventsErrorCode }).code;
  }
}

function ok(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

function equal(is: unknown, expected: unknown, what: string): void {
  const [left, right] = [JSON.stringify(is), JSON.stringify(expected)];
  if (left !== right) throw new Error(`${what}: ${left?.slice(0, 500)} instead of ${right?.slice(0, 500)}`);
}
