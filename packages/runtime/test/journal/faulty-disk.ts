import type { Journal } from "@atomiton/events";

import { openFile, type OpenFile } from "../../src/journal/data-folder.ts";
import type { ExecutionRecord } from "../../src/journal/records.ts";

/** A real file on a disk that a test fills, and whose records and flushes it counts. */
export class FaultyDisk {
  isFull = false;
  /** The process is gone: nothing reaches the disk any more, and nothing that waits for it goes on. */
  #isDead = false;
  onDeath: () => void = () => {};
  /** Flushes wait for it. */
  pause: Promise<void> | undefined;
  flushes = 0;
  /** Called with each record before it is appended: throws to make the process "die" there. */
  before: (record: ExecutionRecord) => void = () => {};

  get isDead(): boolean {
    return this.#isDead;
  }
  set isDead(isDead: boolean) {
    this.#isDead = isDead;
    this.onDeath();
  }

  readonly open: OpenFile = async (path, durability, clock) => {
    if (this.isFull) throw full();
    const file = await openFile(path, durability, clock);
    const flush = async (): Promise<void> => {
      this.flushes++;
      if (this.isDead) throw new Error("dead");
      await this.pause;
      if (this.isFull) throw full();
      await file.flush();
    };
    const journal: Journal<ExecutionRecord> = {
      append: (record) => {
        if (this.isDead) return file.last + 1;
        this.before(record);
        return this.isDead ? file.last + 1 : file.append(record);
      },
      read: (range) => file.read(range),
      flush,
      trim: (before) => file.trim(before),
      stats: () => file.stats(),
      // What a full disk did not take is gone with the process.
      close: () => file.close(),
      get last() {
        return file.last;
      },
    };
    return journal;
  };
}

const full = (): Error => Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
