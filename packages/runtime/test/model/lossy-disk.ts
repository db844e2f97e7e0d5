import type { Journal } from "@atomiton/events";

import { openFile, type OpenFile } from "../../src/journal/data-folder.ts";
import type { ExecutionRecord } from "../../src/journal/records.ts";

/** Files of a process that dies at a given record: of what was not flushed, the first `kept` records are there. */
export class LossyDisk {
  /** Records until it dies; `Infinity`: it does not. */
  readonly #dieAt: number;
  readonly #kept: number;
  #records = 0;
  #flushing = 0;
  isDead = false;
  onDeath: () => void = () => {};

  constructor(dieAt: number, kept: number) {
    this.#dieAt = dieAt;
    this.#kept = kept;
  }

  /** Something is on its way to the disk. */
  get isBusy(): boolean {
    return this.#flushing > 0;
  }

  readonly open: OpenFile = async (path, durability, clock) => {
    const file = await openFile(path, durability, clock);
    let buffer: ExecutionRecord[] = [];
    let bytes = 0;
    const journal: Journal<ExecutionRecord> = {
      append: (record) => {
        if (!this.isDead && ++this.#records >= this.#dieAt) {
          for (const one of buffer.slice(0, this.#kept)) file.append(one);
          buffer = [];
          this.isDead = true;
          this.onDeath();
        }
        if (this.isDead) return file.last + 1;
        // What its owner changes later is not what was said.
        buffer.push(structuredClone(record));
        bytes += 100;
        return file.last + buffer.length;
      },
      flush: async () => {
        if (this.isDead) throw new Error("dead");
        this.#flushing++;
        try {
          for (const one of buffer.splice(0)) file.append(one);
          bytes = 0;
          await file.flush();
        } finally {
          this.#flushing--;
        }
      },
      read: (range) => file.read(range),
      trim: (before) => file.trim(before),
      stats: () => ({ ...file.stats(), pendingBytes: bytes }),
      close: () => file.close(),
      get last() {
        return file.last + buffer.length;
      },
    };
    return journal;
  };
}
