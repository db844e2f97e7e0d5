import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { createCatalog, type NodeCatalog } from "../../src/blueprint/catalog.ts";
import { examine } from "../../src/blueprint/draft.ts";
import { parseBlueprint } from "../../src/blueprint/parse.ts";
import { constructs } from "../../src/engine/plan/constructs.ts";
import { Runtime } from "../../src/runtime.ts";
import { give } from "./kit.ts";

const file = (more: object = {}) => ({
  apiVersion: "atomiton.dev/v1",
  kind: "Blueprint",
  id: "one",
  name: "One",
  version: "1.0.0",
  nodes: { a: { uses: "test/give@1", with: { value: 7 } }, b: { uses: "test/give@1", in: { in: "a.out" } } },
  outputs: { v: { type: "any", from: "b.out" } },
  ...more,
});

/** Says how often a definition was looked up: a check or a compilation does, a run of a known plan does not. */
function counted(): { catalog: NodeCatalog; asked: () => number } {
  const catalog = createCatalog([...constructs, give]);
  let count = 0;
  return {
    catalog: { all: () => catalog.all(), get: (type, major) => (count++, catalog.get(type, major)) },
    asked: () => count,
  };
}

async function twice(target: (round: number) => unknown): Promise<{ first: number; second: number; same: boolean }> {
  const { catalog, asked } = counted();
  const runtime = new Runtime({ catalog });
  const run = async (round: number): Promise<{ hash: string; asked: number }> => {
    const before = asked();
    const id = await runtime.execute(target(round) as never);
    expect(await runtime.waitForCompletion(id)).toEqual({ v: 7 });
    return { hash: runtime.execution(id).planHash, asked: asked() - before };
  };
  try {
    const first = await run(1);
    const second = await run(2);
    return { first: first.asked, second: second.asked, same: first.hash === second.hash };
  } finally {
    await runtime.close();
  }
}

test("[R-ENG-53] checks and compiles a parsed Blueprint once", async () => {
  const { blueprint } = parseBlueprint(JSON.stringify(file()), "one.json");
  const { first, second, same } = await twice(() => blueprint);
  expect(first).toBeGreaterThan(0);
  expect(second).toBe(0);
  expect(same).toBe(true);
});

test("[R-ENG-53] knows a text, and data of the same content, again", async () => {
  const text = await twice(() => ({ inline: JSON.stringify(file()) }));
  expect(text).toMatchObject({ second: 0, same: true });
  const data = await twice(() => ({ inline: file() }));
  expect(data).toMatchObject({ second: 0, same: true });
});

test("[R-ENG-53] takes changed data for what it is: another Blueprint", async () => {
  const given = file();
  const { first, second, same } = await twice((round) => {
    if (round === 2) given.version = "2.0.0";
    return { inline: given };
  });
  expect(second).toBe(first);
  expect(same).toBe(false);
});

test("[R-ENG-53] makes the plan anew when a Blueprint that it uses has changed or is broken", async () => {
  const dir = await mkdtemp(join(tmpdir(), "atomiton-plans-"));
  const { catalog, asked } = counted();
  const runtime = new Runtime({ dir, catalog });
  try {
    const used = join(dir, "used.blueprint.json");
    await writeFile(used, JSON.stringify(file()));
    const outer = file({
      id: "outer",
      nodes: { u: { uses: "./used.blueprint.json" } },
      outputs: { v: { type: "any", from: "u.v" } },
    });
    const { blueprint } = parseBlueprint(JSON.stringify(outer), join(dir, "outer.blueprint.json"));
    const run = async (): Promise<unknown> => await runtime.waitForCompletion(await runtime.execute(blueprint!));
    expect(await run()).toEqual({ v: 7 });
    const before = asked();
    expect(await run()).toEqual({ v: 7 });
    expect(asked()).toBe(before);
    await writeFile(used, JSON.stringify(file()).replace('"value":7', '"value":8'));
    expect(await run()).toEqual({ v: 8 });
    await writeFile(used, "{");
    await expect(run()).rejects.toMatchObject({ code: "INVALID_BLUEPRINT" });
  } finally {
    await runtime.close();
    await rm(dir, { recursive: true, force: true });
  }
});

async function hashOf(inline: unknown): Promise<string> {
  const runtime = new Runtime({ nodes: [give] });
  try {
    return runtime.execution(await runtime.execute({ inline })).planHash;
  } finally {
    await runtime.close();
  }
}

test("[R-ENG-54] makes of sound data the plan that its text gives", async () => {
  const loop = {
    uses: "core/forEach@1",
    in: { items: "a.out" },
    with: { key: "${ item }" },
    body: { nodes: { c: { uses: "test/give@1", in: { in: "$item" } } }, outputs: { c: "c.out" } },
    after: ["b"],
    timeout: "5s",
    retry: { attempts: 2, initial: "10ms" },
  };
  const given = file({ nodes: { ...file().nodes, loop } });
  const hash = await hashOf(given);
  expect(hash).toMatch(/^[0-9a-f]{64}$/);
  expect(await hashOf(JSON.stringify(given))).toBe(hash);
});

test("[R-ENG-54] says what is wrong with data where it stands in its text, two spaces a level", async () => {
  const deep = (levels: number): unknown => (levels === 0 ? 1 : { in: deep(levels - 1) });
  const wrong: Record<string, object> = {
    shape: file({ nodes: { a: { uses: "test/give" } } }),
    key: file({ extra: true }),
    type: file({ nodes: { a: { uses: "test/gave@1" }, b: { uses: "test/give@1" } } }),
    wire: file({ outputs: { v: { type: "any", from: "b.nothing" } } }),
    ring: file({
      nodes: { a: { uses: "test/give@1", in: { in: "b.out" } }, b: { uses: "test/give@1", in: { in: "a.out" } } },
    }),
    depth: file({ nodes: { a: { uses: "test/give@1", with: { value: deep(100) } } } }),
    prototype: JSON.parse(JSON.stringify(file()).replace('"value"', '"__proto__"')) as object,
  };
  for (const [name, given] of Object.entries(wrong)) {
    const text = JSON.stringify(given, undefined, 2);
    const problems = examine(parseBlueprint(text, "<inline>.blueprint.json"), createCatalog([...constructs, give]));
    await expect(hashOf(given), name).rejects.toMatchObject({ code: "INVALID_BLUEPRINT", details: { problems } });
    expect(problems[0]!.line, name).toBeGreaterThan(1);
  }
});
