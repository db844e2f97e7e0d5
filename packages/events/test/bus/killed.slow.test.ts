/** Real processes, a real file, real sockets: the program is killed, its subscribers live on. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { expect, test } from "vitest";

import { EventBus, type Meta, type RecordedMessage } from "../../src/index.ts";
import { fileJournal, webSocketTransport } from "../../src/node.ts";
import { kept } from "./fixtures/kept.ts";

const KILLS = 12;

test(
  "[S5] [E-DUR-10] killed with -9 at any moment, a program loses nothing that flush promised, and subscribers hear each once",
  { timeout: 120_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "atomiton-killed-"));
    const path = join(folder, "kept.atj");
    const program = new URL("./fixtures/emit-until-killed.ts", import.meta.url).pathname;
    const ui = new EventBus({ contract: kept, role: "ui", onError: () => undefined });
    const heard: { n: number; id: string }[] = [];
    const gaps: unknown[] = [];
    let cursor = "";
    let port = "0";
    let promised = 0;
    try {
      for (let kill = 1; kill <= KILLS; kill++) {
        const child = spawn(process.execPath, [program, path, port], { stdio: ["ignore", "pipe", "inherit"] });
        const exited = once(child, "exit");
        const before = heard.length;
        let said = 0;
        let lines = 0;
        for await (const line of createInterface({ input: child.stdout })) {
          said += 1;
          if (said > 1) promised = Number(line);
          else if (port === "0") {
            port = line;
            ui.connect(webSocketTransport(`http://127.0.0.1:${port}/bus`, { token: "t" }));
            const note = ({ n }: { n: number }, { id = "", cursor: at = "" }: Meta): void => {
              heard.push({ n, id });
              cursor = at;
            };
            ui.on("kept:made", note, { since: "all", onGap: (gap) => gaps.push(gap) });
          }
          // Some lives end before the page is back, the others some messages after it: in the middle of the next writes.
          if (heard.length > before || kill % 4 === 0) lines += 1;
          if (lines === ((kill * 7) % 40) + 2) child.kill("SIGKILL");
        }
        expect((await exited)[1]).toBe("SIGKILL");
      }
      // What the last life stored and did not send is heard from the next one.
      const journal = await fileJournal<RecordedMessage>(path);
      const stored: string[] = [];
      for await (const { value } of journal.read()) stored.push(value.id);
      expect(journal.last).toBeGreaterThanOrEqual(promised);
      const host = new EventBus({ contract: kept, role: "host", journal });
      const again: string[] = [];
      await host.on("kept:made", (_, { id = "" }) => again.push(id), { since: { after: cursor } }).ready;
      await host.close();
      await journal.close();
      const ids = heard.map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      // What a life told and had not stored when it was killed was heard too, and is nowhere else.
      expect([...ids.filter((id) => stored.includes(id)), ...again]).toEqual(stored);
      expect(ids.length).toBeGreaterThan(promised / 2);
      expect(gaps).toEqual([]);
    } finally {
      await ui.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
);
