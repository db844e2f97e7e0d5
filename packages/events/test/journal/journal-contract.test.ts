import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { fileJournal } from "../../src/journal/file.ts";
import { journalContract } from "../../src/journal/journal-contract.ts";
import { ringJournal } from "../../src/journal/ring.ts";

journalContract("ring", async (options) => ({ journal: ringJournal(options) }), test);

journalContract(
  "file",
  async (options) => {
    const folder = await mkdtemp(join(tmpdir(), "atomiton-journal-"));
    const path = join(folder, "j.atj");
    return {
      journal: await fileJournal(path, options),
      reopen: () => fileJournal(path, options),
      async dispose() {
        // Nothing but the journal is left: no lock, no copy.
        expect(await readdir(folder)).toEqual(["j.atj"]);
        expect((await readFile(path)).subarray(0, 4).toString()).toBe("ATJ1");
        await rm(folder, { recursive: true });
      },
    };
  },
  test,
);
