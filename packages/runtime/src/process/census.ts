/**
 * Linux: who runs on this machine, from `/proc`. Rules:
 * 1. One walk at a time, shared by all who ask: with many programs under way each look costs a part of one.
 * 2. Whoever asks gets a walk that begins after the question: one under way may have passed by what has come since.
 * 3. `stat` is read at once, it waits for nothing and costs less than a turn of the thread pool; `environ`, which may
 *    wait for a process that hangs in the kernel, is read in the background.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";

/** Processes that are read before the event loop gets a turn: about a millisecond. */
const READ_AT_ONCE = 64;
/** A line of `stat` has 52 numbers and a name of 16 bytes. */
const STAT_BYTES = 2_048;
/** Counted from the state, the first field after the name. */
const STATE = 0;
const GROUP = 2;
const STARTED = 19;

/** A process that runs: zombies do not count. A container's first process may never reap them. */
export class Running {
  readonly pid: number;
  /** Its process group. */
  readonly group: number;
  /** Clock ticks since the machine's start; not before its parent's. */
  readonly startedAt: number;
  #environ: Promise<string> | undefined;

  constructor(pid: number, group: number, startedAt: number) {
    this.pid = pid;
    this.group = group;
    this.startedAt = startedAt;
  }

  /** `NAME=value\0…`; empty for processes of others, and for one that has ended. */
  environ(): Promise<string> {
    return (this.#environ ??= readFile(`/proc/${this.pid}/environ`, "latin1").catch(() => ""));
  }
}

let underWay: Promise<unknown> = Promise.resolve();
let next: Promise<readonly Running[]> | undefined;

/** Everything that runs now. */
export function census(): Promise<readonly Running[]> {
  next ??= underWay.then(() => {
    const own = walk();
    underWay = own.catch(() => undefined);
    next = undefined;
    return own;
  });
  return next;
}

/** When a program began that has not been waited for, in the ticks of `Running.startedAt`; 0 when it cannot be read. */
export function startOf(pid: number): number {
  return Number(fieldsOf(pid)[STARTED] ?? 0);
}

async function walk(): Promise<Running[]> {
  const found: Running[] = [];
  let read = 0;
  for (const name of await readdir("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const fields = fieldsOf(pid);
    const state = fields[STATE];
    if (state !== undefined && state !== "Z" && state !== "X") {
      found.push(new Running(pid, Number(fields[GROUP]), Number(fields[STARTED])));
    }
    if (++read % READ_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return found;
}

const buffer = Buffer.alloc(STAT_BYTES);

/** What follows the name in `pid (name) state ppid pgrp …`; empty when there is no such process any more. */
function fieldsOf(pid: number): string[] {
  let file: number | undefined;
  try {
    file = openSync(`/proc/${pid}/stat`, "r");
    const line = buffer.toString("latin1", 0, readSync(file, buffer, 0, STAT_BYTES, 0));
    // The name may hold spaces and parentheses: from the last one on.
    return line.slice(line.lastIndexOf(")") + 2).split(" ", STARTED + 1);
  } catch {
    return [];
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
