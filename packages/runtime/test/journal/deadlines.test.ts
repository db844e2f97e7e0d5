/** What a crash does to times, and to nodes that stream. */
import { expect, test } from "vitest";
import { z } from "zod";

import { port } from "../../src/blueprint/define-node.ts";
import { FakeClock } from "../engine/fake-clock.ts";
import { Gate, node } from "../engine/kit.ts";
import { codes, host, kill, until, type Host } from "./hosts.ts";

const any = (from: string) => ({ type: "any", from });
/** The next host's clock: the first one's time, and what has passed since. */
async function later({ clock }: Host, ms: number): Promise<FakeClock> {
  const next = new FakeClock();
  await next.move(clock.now() + ms - next.now());
  return next;
}

test("[R-DUR-12] core/delay, a wait for a time and the time of an unanswered wait end when they would have ended without the crash", async () => {
  const graph = {
    delay: { uses: "core/delay@1", with: { duration: "60s" } },
    ask: { uses: "core/input.wait@1", with: { timeout: "60s", onTimeout: "nobody" } },
  };
  const first = host();
  const id = await first.start(graph, { outputs: { ask: any("ask.value") } });
  const waiting = (of: Host) =>
    (of.runtime.snapshot(id).waits ?? []).map(({ path, until: at }) => `${path} ${at}`).toSorted();
  await until(() => waiting(first).length === 2, first.clock);
  await first.clock.move(100);
  const before = waiting(first);
  await kill(first);

  const second = host([], { clock: await later(first, 30_000) });
  await second.runtime.recover();
  await until(() => waiting(second).length === 2);
  expect(waiting(second)).toEqual(before);
  await second.clock.move(29_000);
  expect(second.runtime.execution(id).state).toBe("running");
  await kill(second);

  const third = host([], { clock: await later(second, 3_600_000) });
  await third.runtime.recover();
  await third.clock.move(1);
  await until(() => third.runtime.execution(id).state === "completed", third.clock);
  expect(await third.runtime.waitForCompletion(id)).toEqual({ ask: "nobody" });
});

test("[R-DUR-27] the policy's timeout ends when it would have ended without the crash, pauses left out", async () => {
  const gate = new Gate("act");
  const first = host([gate.def]);
  const id = await first.start({ act: { uses: "test/act@1" } }, { policy: { timeout: "60s" } });
  await until(() => gate.waiting.length === 1);
  await first.clock.move(20_000);
  first.runtime.control(id).pause("now");
  await first.clock.move(50_000);
  first.runtime.control(id).resume();
  await until(() => gate.waiting.length === 1);
  await first.clock.move(10_000);
  await kill(first);
  gate.waiting.length = 0;

  const second = host([gate.def], { clock: await later(first, 10_000) });
  await second.runtime.recover();
  await until(() => gate.waiting.length === 1);
  await second.clock.move(19_900);
  expect(second.runtime.execution(id).state).toBe("running");
  await second.clock.move(200);
  await until(() => second.runtime.execution(id).state === "cancelled", second.clock);
  await expect(second.runtime.waitForCompletion(id)).rejects.toMatchObject({ code: "TIMEOUT" });
});

test("[R-DUR-28] nodes that stream to each other run again as a whole after a crash, but for items of loops that were done", async () => {
  const begun: string[] = [];
  const gate = new Gate("last");
  const items = { items: port.stream(z.any()) };
  const source = node(
    "source",
    async (ctx) => {
      begun.push("source");
      for (const item of ["p", "q", "r"]) await ctx.emit("items", item);
      return {};
    },
    { inputs: {}, outputs: items },
  );
  const act = node("item", (ctx) => (begun.push(ctx.path), { out: ctx.in.in }), { effect: "write" });
  const sink = node(
    "sink",
    async (ctx) => {
      begun.push("sink");
      const all: unknown[] = [];
      for await (const { v } of ctx.in.items) all.push(v);
      return { out: all };
    },
    { inputs: items, outputs: { out: port.value(z.any()) } },
  );
  const graph = {
    source: { uses: "test/source@1" },
    each: {
      uses: "core/forEach@1",
      in: { items: "source.items" },
      with: { concurrency: 1 },
      body: {
        nodes: {
          act: { uses: "test/item@1", in: { in: "$item" } },
          wait: { uses: "test/last@1", in: { in: "act.out" } },
        },
        outputs: { v: "act.out" },
      },
    },
    sink: { uses: "test/sink@1", in: { items: "each.results" } },
  };
  const first = host([source, act, sink, gate.def]);
  const id = await first.start(graph, { outputs: { all: any("sink.out") } });
  await until(() => gate.paths[0] === "each[0]/wait", first.clock);
  gate.waiting[0]!.open();
  await until(() => gate.paths[0] === "each[1]/wait", first.clock);
  await first.clock.move(10);
  // The first item is over, the second had acted; the source has emitted everything.
  await until(() => first.runtime.snapshot(id).nodes!.some(({ path, s }) => path === "source" && s === "completed"));
  await first.clock.move(10);
  await kill(first);
  expect(begun).toEqual(expect.arrayContaining(["source", "sink", "each[0]/act", "each[1]/act"]));

  begun.length = 0;
  gate.waiting.length = 0;
  const second = host([source, act, sink, gate.def], { clock: await later(first, 5) });
  await second.runtime.recover();
  const go = (): boolean => {
    for (const { open } of gate.waiting.slice()) open();
    return second.runtime.execution(id).state === "completed";
  };
  await until(go, second.clock);
  expect(await second.runtime.waitForCompletion(id)).toEqual({ all: ["p", "q", "r"] });
  expect(begun.toSorted()).toEqual(["each[2]/act", "sink", "source"]);
  expect(codes(second.heard)).toEqual([]);
});
