/** Processes that are killed (SIGKILL) in the middle of a flow. */
import { expect, test } from "vitest";

import type { EventsError } from "../../src/index.ts";
import { kill, startClient, startHost } from "./child.ts";
import { dial, flowBus, reopened, TOKEN } from "./stand.ts";
import { State } from "./state.ts";

const LONG = { timeout: 60_000 };
const within = { timeout: 20_000 };

test(
  "[E-REAL-7] a host that is killed and started again: requests end, subscriptions come back, the state is the new one's",
  LONG,
  async () => {
    const first = await startHost({ port: 0, token: TOKEN });
    const ui = flowBus("ui");
    const { link, states } = await dial(ui, first.url);
    const state = new State();
    await ui.on("flow:state", state.hear, { since: "last", onGap: state.gap }).ready;
    await first.call({ do: "pour", on: true });
    await expect.poll(() => state.n, within).toBeGreaterThan(1_000);
    const never = Array.from({ length: 20 }, (_, n) =>
      ui.request("flow:ask", { n: 1_000 + n }, { timeoutMs: 600_000 }),
    );
    const sure = Array.from({ length: 20 }, (_, n) => ui.request("flow:sure", { n }, { timeoutMs: 600_000 }));
    await expect.poll(async () => (await first.report()).starts, within).toBe(40);

    const isBack = reopened(link);
    const outcomes = Promise.allSettled(never);
    await kill(first.child);
    const second = await startHost({ port: first.port, token: TOKEN, answers: true });
    expect((await isBack).resumed).toBe(false);
    // What may not be done twice ends; what may is asked of the new process, under its key.
    for (const each of await outcomes) {
      expect(each.status === "rejected" && (each.reason as EventsError).code).toBe("OUTCOME_UNKNOWN");
    }
    expect(await Promise.all(sure)).toEqual(sure.map((_, n) => ({ n, process: second.child.pid })));
    expect(await ui.request("flow:ask", { n: 5 })).toEqual({ n: 5 });
    await expect.poll(() => state.snapshots, within).toBe(2);
    await second.call({ do: "change", count: 5_000, perTurn: 100 });
    await expect.poll(() => state.n, within).toBe(5_000);
    const { n, sum, links, served } = await second.report();
    expect({ n: state.n, sum: state.sum, faults: state.faults, gaps: state.gaps }).toEqual({
      n,
      sum,
      faults: [],
      gaps: [expect.any(String)],
    });
    expect([links, served, states.filter(({ at }) => at === "closed")]).toEqual([1, 0, []]);
    expect(ui.inspect()).toMatchObject({ deadlines: 0, links: [{ openRequests: 0 }] });
  },
);

test(
  "[E-REAL-8] clients that are killed: the host's links, requests and memory return to where they were",
  LONG,
  async () => {
    // A window of 60 s is 2 s here.
    const host = await startHost({ port: 0, token: TOKEN, times: 30 });
    await host.call({ do: "pour", on: true });
    const round = async (clients: number): Promise<void> => {
      const started = await Promise.all(
        Array.from({ length: clients }, () => startClient({ url: host.url, token: TOKEN })),
      );
      await expect.poll(async () => (await host.report()).served, within).toBe(200 * clients);
      await Promise.all(started.map(kill));
      await expect
        .poll(async () => [(await host.report()).links, (await host.report()).connections], within)
        .toEqual([0, 0]);
    };
    // What is made once is there after the first.
    await round(1);
    const before = await host.report();
    await round(3);
    // The flow goes on: an Immediate comes and goes with it.
    const settled = { ...before.resources, Immediate: 0 };
    await expect.poll(async () => ({ ...(await host.report()).resources, Immediate: 0 }), within).toEqual(settled);
    const after = await host.report();
    expect([after.served, after.deadlines]).toEqual([before.served, before.deadlines]);
    // Each client left up to 8 MiB that it had not taken.
    expect(after.bytes - before.bytes).toBeLessThan(2 * 1024 * 1024);
  },
);
