/** A thread that ends in the middle of a flow: what waits for it ends, and nothing of it stays. */
import { Worker } from "node:worker_threads";

import { expect, test } from "vitest";

import type { EventsError } from "../../src/index.ts";
import { workerTransport } from "../../src/node.ts";
import { resources } from "./gauges.ts";
import { atEnd, flowBus } from "./stand.ts";
import { Tally } from "./tally.ts";

const within = { timeout: 10_000 };

const ends: [string, (worker: Worker, emit: (n: number) => void) => void][] = [
  ["is terminated", (worker) => void worker.terminate()],
  ["calls process.exit", (_worker, emit) => emit(2)],
  ["fails", (_worker, emit) => emit(1)],
];

test.each(ends)(
  "[E-REAL-6] a worker that %s during a flow: each wait ends, nothing is heard twice, nothing stays",
  { timeout: 30_000 },
  async (how, end) => {
    const before = resources();
    for (let round = 0; round < 2; round += 1) {
      const worker = new Worker(new URL("./fixtures/flow-worker.ts", import.meta.url));
      atEnd(() => worker.terminate());
      const uncaught: unknown[] = [];
      worker.on("error", (fault) => uncaught.push(fault));
      const exited = new Promise((resolve) => worker.once("exit", resolve));
      const ui = flowBus("ui");
      const link = ui.connect(workerTransport(worker), { peer: { role: "host" } });
      await link.ready;
      const stream = ui.stream("flow:down", { max: 10 });
      const tally = new Tally("flow:down");
      await ui.on("flow:down", tally.hear, { onGap: tally.gap }).ready;
      ui.emit("flow:up", { n: 0 });
      const asked = Array.from({ length: 50 }, (_, n) => ui.request("flow:ask", { n }, { timeoutMs: 600_000 }));
      const never = ui.next("flow:down", { where: { n: -1 }, timeoutMs: 600_000 }).catch((fault: unknown) => fault);
      await expect.poll(() => tally.heard, within).toBeGreaterThan(2_000);

      end(worker, (n) => ui.emit("flow:up", { n }));
      const outcomes = await Promise.allSettled(asked);
      expect(new Set(outcomes.map((each) => each.status === "rejected" && (each.reason as EventsError).code))).toEqual(
        new Set(["OUTCOME_UNKNOWN"]),
      );
      expect(link.state).toMatchObject({ at: "closed", why: { code: "LINK_LOST" } });
      await exited;
      await expect(ui.request("flow:ask", { n: 1 })).rejects.toMatchObject({ code: "NO_HANDLER" });
      await ui.flush();
      expect([tally.faults, tally.missing]).toEqual([[], []]);
      expect(ui.inspect()).toMatchObject({ links: [], deadlines: 1, parkedRequests: 0 });
      // What waits for an event, of whomever, waits until its own end: here the bus's.
      await ui.close();
      expect(await never).toMatchObject({ code: "CLOSED" });
      for await (const item of stream) expect(item).toBeDefined();
      expect(ui.inspect().deadlines).toBe(0);
      expect(uncaught).toHaveLength(how === "fails" ? 1 : 0);
    }
    await expect
      .poll(() => [resources()["MessagePort"], resources()["Worker"]], within)
      .toEqual([before["MessagePort"], before["Worker"]]);
  },
);
