/** Configuration that changes while the execution runs. */
import { afterEach, expect, test } from "vitest";
import { z } from "zod";

import { settled } from "./fake-clock.ts";
import { bench, Gate, node, type Bench } from "./kit.ts";

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});
function benchOf(...args: Parameters<typeof bench>): Bench {
  const made = bench(...args);
  open.push(made.runtime);
  return made;
}

const config = z.strictObject({
  quality: z.number().max(100).default(50),
  name: z.string().default("x"),
  tags: z.array(z.string()).default([]),
});
const replace = (path: string, value: unknown): { op: "replace"; path: string; value: unknown } => ({
  op: "replace",
  path,
  value,
});
/** Waits at a gate, tells of live changes, gives its configuration. */
function tool(gate: Gate, heard: unknown[] = []): Gate["def"] {
  return node(
    "tool",
    async (ctx) => {
      ctx.onConfig((next: unknown, keys: string[]) => heard.push([next, keys]));
      await gate.def.run(ctx);
      return { out: ctx.config };
    },
    { config, liveConfig: ["quality"] },
  );
}
const outputs = { outputs: { out: { type: "any", from: "b.out" } } };

test("[R-CFG-1] what has not begun takes any change that fits, and the next attempt has it", async () => {
  const gate = new Gate();
  const all = benchOf([gate.def, tool(gate)]);
  const id = await all.start(
    { a: { uses: "test/gate@1" }, b: { uses: "test/tool@1", with: { name: "old" }, in: { in: "a.out" } } },
    outputs,
  );
  await settled();
  const control = all.runtime.control(id);
  const { configHash } = await control.configure({ path: "b", patch: [] });
  const first = await control.configure({
    path: "b",
    patch: [replace("/name", "new"), { op: "add", path: "/tags/-", value: "t" }],
    ifHash: configHash,
  });
  expect(first.applied).toBe("next-attempt");
  expect(first.configHash).not.toBe(configHash);
  await expect(
    control.configure({ path: "b", patch: [replace("/name", "late")], ifHash: configHash }),
  ).rejects.toMatchObject({
    code: "E_STATE",
    details: { configHash: first.configHash },
  });
  for (const [patch, code] of [
    [[replace("/quality", 101)], "CONFIG"],
    [[replace("/nope", 1)], "INVALID_INPUT"],
    [[{ op: "add", path: "/nope", value: 1 }], "CONFIG"],
    [[replace("name", 1)], "INVALID_INPUT"],
    [[{ op: "remove", path: "/tags/7" }], "INVALID_INPUT"],
    [[{ op: "add", path: "/__proto__/polluted", value: 1 }], "INVALID_INPUT"],
    [[replace("/name", "${ in. }")], "EXPRESSION"],
  ] as const) {
    await expect(control.configure({ path: "b", patch: [...patch] })).rejects.toMatchObject({ code });
  }
  expect((await control.configure({ path: "b", patch: [] })).configHash).toBe(first.configHash);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  gate.at("a").open();
  await settled();
  gate.at("b").open();
  expect(await all.runtime.waitForCompletion(id)).toEqual({ out: { quality: 50, name: "new", tags: ["t"] } });
  await expect(control.configure({ path: "b", patch: [] })).rejects.toMatchObject({ code: "E_STATE" });
});

test("[R-CFG-2] what runs takes live keys at once, and hears of them; other keys are refused; what is over takes none", async () => {
  const gate = new Gate();
  const heard: unknown[] = [];
  const all = benchOf([gate.def, tool(gate, heard)]);
  const id = await all.start({ b: { uses: "test/tool@1" }, c: { uses: "test/gate@1", in: { in: "b.out" } } }, outputs);
  await settled();
  const control = all.runtime.control(id);
  expect(await control.configure({ path: "b", patch: [replace("/quality", 90)] })).toMatchObject({ applied: "live" });
  expect(heard).toEqual([[{ quality: 90, name: "x", tags: [] }, ["quality"]]]);
  await expect(control.configure({ path: "b", patch: [replace("/name", "y")] })).rejects.toMatchObject({
    code: "E_STATE",
    message: expect.stringContaining("quality"),
  });
  gate.at("b").open();
  await settled();
  await expect(control.configure({ path: "b", patch: [replace("/quality", 1)] })).rejects.toMatchObject({
    code: "E_STATE",
  });
  gate.at("c").open();
  expect(await all.runtime.waitForCompletion(id)).toEqual({ out: { quality: 90, name: "x", tags: [] } });
});

test("[R-CFG-2] two changes with one hash: the second is refused, also when they come at once", async () => {
  const gate = new Gate();
  const all = benchOf([gate.def, tool(gate)]);
  const id = await all.start({ b: { uses: "test/tool@1" } }, outputs);
  await settled();
  const control = all.runtime.control(id);
  const { configHash: ifHash } = await control.configure({ path: "b", patch: [] });
  const both = await Promise.allSettled(
    [1, 2].map((quality) => control.configure({ path: "b", patch: [replace("/quality", quality)], ifHash })),
  );
  expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  const back = await control.configure({ path: "b", patch: [replace("/quality", 50)] });
  expect(back.configHash).toBe(ifHash);
});

test("[R-CFG-3] a path without items changes every item to come; items under way keep what they have", async () => {
  const gate = new Gate();
  const all = benchOf([gate.def, tool(gate)]);
  const id = await all.start(
    {
      list: { uses: "test/give@1", with: { value: [1, 2] } },
      b: {
        uses: "core/forEach@1",
        in: { items: "list.out" },
        with: { concurrency: 1 },
        body: { nodes: { x: { uses: "test/tool@1" } }, outputs: { out: "x.out" } },
      },
    },
    { outputs: { out: { type: "any", from: "b.results" } } },
  );
  await settled();
  const control = all.runtime.control(id);
  expect(await control.configure({ path: "b/x", patch: [replace("/name", "later")] })).toMatchObject({
    applied: "next-item",
  });
  expect(await control.configure({ path: "b[1]/x", patch: [replace("/quality", 7)] })).toMatchObject({
    applied: "next-attempt",
  });
  gate.at("b[0]/x").open();
  await settled();
  gate.at("b[1]/x").open();
  const { out } = (await all.runtime.waitForCompletion(id)) as { out: unknown };
  expect(out).toMatchObject([{ out: { quality: 50, name: "x" } }, { out: { quality: 7, name: "later" } }]);
});

test("[R-CFG-3] at a stop before it runs an instance takes any key; secrets in a change stay hidden", async () => {
  const gate = new Gate();
  const all = benchOf([gate.def, tool(gate)], { secrets: { token: "hunter22" } });
  const id = await all.start({ b: { uses: "test/tool@1" } }, { ...outputs, secrets: ["token"] });
  all.runtime.control(id).setBreakpoints([{ id: "1", at: "before", path: "b", suspend: "all", enabled: true }]);
  await settled();
  await settled();
  const control = all.runtime.control(id);
  expect(control.state).toBe("paused");
  await control.configure({ path: "b", patch: [replace("/name", "${ secrets.token }")] });
  expect(all.of("runtime:inspect", id).at(-1)!.values["config"]).toMatchObject({ v: { name: "[secret]" } });
  control.resume();
  await settled();
  gate.at("b").open();
  expect(await all.runtime.waitForCompletion(id)).toMatchObject({ out: { name: "hunter22" } });
  expect(JSON.stringify(all.heard)).not.toContain("hunter22");
});

test("[R-CFG-4] a change that races the start of its instance holds for it, or is refused; a lost hash, a bad patch and a way back too", async () => {
  const outcomes = new Set<string>();
  for (let turns = 0; turns < 12; turns++) {
    const gate = new Gate();
    const all = benchOf([gate.def, tool(gate)], { secrets: { token: "hunter22" } });
    const graph = {
      a: { uses: "test/gate@1" },
      b: { uses: "test/tool@1", in: { in: "a.out" }, with: { name: "old" } },
    };
    const id = await all.start(graph, { ...outputs, secrets: ["token"] });
    await settled();
    const control = all.runtime.control(id);
    const { configHash: ifHash } = await control.configure({ path: "b", patch: [] });
    // Somebody else changes it, and takes the change back: the hash is the first one again.
    const other = await control.configure({ path: "b", patch: [replace("/quality", 1)], ifHash });
    await expect(control.configure({ path: "b", patch: [replace("/quality", 2)], ifHash })).rejects.toMatchObject({
      code: "E_STATE",
      details: { configHash: other.configHash },
    });
    const answer = ({ code }: { code: string }): string => code;
    const bad = control
      .configure({ path: "b", patch: [replace("/quality", 101)] })
      .then(({ applied }) => applied, answer);
    const change = control
      .configure({ path: "b", patch: [replace("/name", "${ secrets.token }")] })
      .then(({ applied }) => applied, answer);
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    gate.at("a").open();
    for (let turn = 0; turn < 4; turn++) await settled();
    gate.at("b").open();
    const { name, quality } = (await all.runtime.waitForCompletion(id))["out"] as { name: string; quality: number };
    const said = await change;
    outcomes.add(said);
    expect([turns, said, name, quality]).toEqual([turns, said, said === "E_STATE" ? "old" : "hunter22", 1]);
    expect(await bad).toMatch(/CONFIG|E_STATE/);
    expect(JSON.stringify(all.heard.filter(({ type }) => type !== "runtime:output"))).not.toContain("hunter22");
  }
  expect([...outcomes]).toContain("next-attempt");
});
