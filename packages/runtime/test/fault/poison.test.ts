/** Nodes that end their host, in real processes. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

const HOST = fileURLToPath(new URL("fixtures/poison-host.ts", import.meta.url));
const ARGS = ["--conditions=@atomiton/source", "--disable-warning=ExperimentalWarning", "--max-old-space-size=64"];
/** Three that are counted, and the first: its node may end it before its start is on the disk. */
const MOST_DEATHS = 4;

/** What one host prints at its end; nothing, when its node has ended it. */
async function live(dataDir: string, how: string): Promise<string> {
  const host = spawn(process.execPath, [...ARGS, HOST, dataDir, how], { stdio: ["ignore", "pipe", "ignore"] });
  let printed = "";
  host.stdout.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
    // A host whose event loop a node keeps is ended from outside, as whoever watches it does.
    if (how === "microtasks" && text.includes("begun")) host.kill("SIGKILL");
  });
  await once(host, "close");
  return printed.replace("begun\n", "");
}

// Real processes, twenty of them one after the other: on a busy machine each takes seconds to start.
test.for(["exit", "segfault", "memory", "microtasks", "thread"])(
  "[R-DUR-13] a node that ends its host by %s is POISON after three deaths, and its error path runs",
  { timeout: 180_000 },
  async (how) => {
    const dataDir = await mkdtemp(join(tmpdir(), "atomiton-poison-"));
    let deaths = 0;
    let printed = await live(dataDir, how);
    while (printed === "" && deaths++ < MOST_DEATHS) printed = await live(dataDir, how);
    expect(JSON.parse(printed)).toMatchObject({ mend: { code: "POISON", path: "bad" } });
    expect(deaths).toBeGreaterThanOrEqual(3);
    await rm(dataDir, { recursive: true, force: true });
  },
);
