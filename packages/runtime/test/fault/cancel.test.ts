/** A cancel at each point of an execution, with real programs, threads and sockets: what /proc and the server see at its end. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import type { Breakpoint, RuntimeMessage } from "../../src/contract.ts";
import { Runtime } from "../../src/runtime.ts";
import { blueprint } from "../engine/kit.ts";

let folder: string;
let port: number;
beforeEach(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ({ port } = server.address() as AddressInfo);
  folder = await mkdtemp(join(tmpdir(), "atomiton-cancel-"));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

/** Sends the start of a body, and never its end; at `/drop` nothing. */
const server = createServer((request, response) => {
  if (request.url === "/drop") request.destroy();
  else response.writeHead(200, { "content-length": "100" }).write("a");
});
const sockets = (): Promise<number> => new Promise((resolve) => server.getConnections((_, count) => resolve(count)));

/** Pids of what an execution started and still runs. */
async function alive(executionId: string): Promise<string[]> {
  const of = async (pid: string): Promise<boolean> =>
    (await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "")).includes(`ATOMITON_EXEC=${executionId}`);
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map(of));
  return pids.filter((_, at) => found[at]);
}

const shell = (script: string): object => ({ uses: "core/shell@1", with: { script } });
const obedient = shell("sleep 300 & (sleep 300 & sleep 300 & echo up; wait)");
const deaf = shell('trap "" TERM; (trap "" TERM; sleep 300) & echo up; while true; do sleep 1; done');
const set = { uses: "core/set@1", with: { values: { x: 1 } } };
const retry = { attempts: 2, backoff: "fixed", initial: "1h", on: ["network"] };

interface Point {
  readonly nodes: (at: number) => object;
  /** A state in which `n` is when it is cancelled. */
  readonly state?: string;
  readonly breakpoint?: Pick<Breakpoint, "at" | "port">;
  readonly before?: (runtime: Runtime, id: string) => void;
  readonly isRecovered?: boolean;
}
const stop = (at: Breakpoint["at"], n: object): Point => ({
  nodes: () => ({ n }),
  state: at === "edge" ? "pending" : "held",
  breakpoint: { at },
});

const POINTS: Record<string, Point> = {
  "in the middle of an HTTP body": {
    nodes: (at) => ({ n: { uses: "core/http.request@1", with: { url: `http://127.0.0.1:${at}/` } } }),
    state: "running",
  },
  "beside a program with grandchildren": { nodes: () => ({ n: obedient }), state: "running" },
  "beside a program that ignores SIGTERM": { nodes: () => ({ n: deaf }), state: "running" },
  "with a thread in while (true)": {
    nodes: () => ({ n: { uses: "core/code@1", with: { code: "while (true) {}", timeMs: 600_000 } } }),
    state: "running",
  },
  "during a backoff": {
    nodes: (at) => ({ n: { uses: "core/http.request@1", with: { url: `http://127.0.0.1:${at}/drop` }, retry } }),
    state: "backoff",
  },
  "while it waits for a person": { nodes: () => ({ n: { uses: "core/input.wait@1" } }), state: "waiting" },
  "while it is being paused": {
    nodes: () => ({ n: deaf }),
    state: "running",
    before: (runtime, id) => runtime.control(id).pause(),
  },
  "at a breakpoint before": stop("before", set),
  "at a breakpoint after": stop("after", set),
  "at a breakpoint on an error": stop("error", { uses: "core/fail@1", with: { message: "no" } }),
  "inside a Blueprint in a loop": {
    nodes: () => ({
      list: { uses: "core/set@1", with: { values: { items: [1, 2, 3] } } },
      n: {
        uses: "core/forEach@1",
        in: { items: "list.items" },
        body: { nodes: { part: { uses: "./part.blueprint.json" } }, outputs: {} },
      },
    }),
    state: "running",
  },
  "twice at once": {
    nodes: () => ({ n: deaf }),
    state: "running",
    before: (runtime, id) => void runtime.cancel(id, { graceMs: 200 }).catch(() => undefined),
  },
  "after its host was closed and the next one has taken it up": {
    nodes: () => ({ n: obedient }),
    state: "running",
    isRecovered: true,
  },
};

const isLinux = process.platform === "linux";
for (const [where, { nodes, state, breakpoint, before, isRecovered }] of Object.entries(POINTS)) {
  test.runIf(isLinux)(
    `[R-ENG-30, R-ENG-33] cancelled ${where}, nothing of it is alive when it has said so`,
    async () => {
      const file = blueprint({ ...nodes(port), beside: obedient }, { policy: { durability: "off" } });
      await writeFile(join(folder, "main.blueprint.json"), JSON.stringify(file));
      await writeFile(join(folder, "part.blueprint.json"), JSON.stringify(blueprint({ x: obedient })));
      const make = (): Runtime => new Runtime({ dir: folder, dataDir: join(folder, "data"), onUnknown: "rerun" });
      const breakpoints = breakpoint
        ? [{ id: "b", path: "n", suspend: "scope" as const, enabled: true, ...breakpoint }]
        : [];
      let runtime = make();
      const id = await runtime.execute({ path: "main.blueprint.json" }, {}, { breakpoints });
      const reached = async (): Promise<void> => {
        const isThere = (): boolean => {
          const known = runtime.snapshot(id).nodes ?? [];
          return (
            known.some(({ path, s }) => path === "n" && s === state) &&
            known.some(({ path, s }) => path === "beside" && s === "running")
          );
        };
        for (let tries = 0; tries < 2_000 && !(isThere() && (await alive(id)).length >= 3); tries++) {
          await new Promise((turn) => setTimeout(turn, 5)); // real time: processes need it
        }
        expect(isThere()).toBe(true);
      };
      await reached();
      if (isRecovered) {
        await runtime.close();
        runtime = make();
        await runtime.recover();
        await reached();
      }
      const heard: RuntimeMessage[] = [];
      let atEnd: Promise<[string[], number]> | undefined;
      runtime.on((message) => {
        heard.push(message);
        if (message.type === "runtime:error" && message.data.terminal) atEnd = Promise.all([alive(id), sockets()]);
      });
      before?.(runtime, id);
      expect(await runtime.cancel(id, { graceMs: 200 })).toBe("cancelled");
      expect(await atEnd).toEqual([[], 0]);
      const { length } = heard;
      await new Promise((turn) => setTimeout(turn, 50)); // real time: what would come late
      expect(heard).toHaveLength(length);
      expect(
        heard.filter(({ type, data }) => type === "runtime:completed" || (type === "runtime:error" && data.terminal)),
      ).toHaveLength(1);
      await runtime.close();
    },
  );
}
