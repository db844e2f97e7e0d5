import { expect, test } from "vitest";

import { openBlobStore } from "../../src/blobs/blob-store.ts";
import { createCatalog } from "../../src/blueprint/catalog.ts";
import type { RuntimeMessage } from "../../src/contract.ts";
import { constructs } from "../../src/engine/plan/constructs.ts";
import { coreNodes } from "../../src/nodes/index.ts";
import { Runtime } from "../../src/runtime.ts";
import { give } from "./kit.ts";
import { generate, interpret, item, plain, toBlueprint, work, type Spec } from "./reference.ts";

const SEEDS = 400;

async function run(
  runtime: Runtime,
  specs: readonly Spec[],
): Promise<{ states: Record<string, string>; result: Record<string, unknown> | undefined }> {
  const id = await runtime.execute({ inline: toBlueprint(specs) });
  const result = await runtime.waitForCompletion(id).catch(() => undefined);
  const { nodes } = runtime.snapshot(id) as { nodes: { path: string; s: string }[] };
  return { states: Object.fromEntries(nodes.map(({ path, s }) => [path, s])), result };
}

test(`[R-ENG-60] agrees with a sequential interpreter on ${SEEDS} random Blueprints`, async () => {
  const runtime = new Runtime({
    catalog: createCatalog([...constructs, ...coreNodes, give, work, item]),
    blobs: openBlobStore({ memory: true }),
    keep: 1,
  });
  const seen = new Set<string>();
  for (let seed = 0; seed < SEEDS; seed++) {
    const specs = generate(seed);
    const wanted = interpret(specs);
    const { states, result } = await run(runtime, specs);
    const what = `seed ${seed}: ${JSON.stringify(toBlueprint(specs)["nodes"])}`;
    const own = Object.fromEntries(specs.map(({ name }) => [name, states[name]]));
    const ports = Object.entries(wanted.outputs).filter(([wire]) => !wire.endsWith(".error"));
    const outputs = wanted.fails
      ? undefined
      : Object.fromEntries(ports.map(([wire, value]) => [wire.replace(".", "_"), value]));
    expect({ what, states: own, outputs: plain(result) }).toEqual({
      what,
      states: wanted.states,
      outputs: plain(outputs),
    });
    for (const state of Object.values(wanted.states)) seen.add(state);
    seen.add(wanted.fails ? "execution failed" : "execution completed");
  }
  expect([...seen].sort()).toEqual(["completed", "execution completed", "execution failed", "failed", "skipped"]);
  await runtime.close();
}, 60_000);

test("[R-ENG-31] ends random Blueprints once and wholly, wherever they are cancelled", async () => {
  const heard: RuntimeMessage[] = [];
  const runtime = new Runtime({
    catalog: createCatalog([...constructs, ...coreNodes, give, work, item]),
    blobs: openBlobStore({ memory: true }),
    keep: 1,
  });
  runtime.on((message) => heard.push(message));
  const ends = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    heard.length = 0;
    const id = await runtime.execute({ inline: toBlueprint(generate(seed)) });
    for (let left = seed % 12; left > 0; left--) await new Promise((resolve) => setImmediate(resolve));
    const state = await runtime.cancel(id);
    ends.add(state);
    const told = heard.length;
    for (let left = 5; left > 0; left--) await new Promise((resolve) => setImmediate(resolve));
    const terminals = heard.filter(
      ({ type, data }) => type === "runtime:completed" || (type === "runtime:error" && data.terminal),
    );
    const { nodes } = runtime.snapshot(id) as { nodes: { s: string }[] };
    const open = nodes.filter(({ s }) => !["completed", "failed", "skipped", "cancelled"].includes(s));
    const { running, waitingForSlot, locks } = runtime.gauge();
    expect({
      seed,
      terminals: terminals.length,
      last: heard.at(-1) === terminals[0],
      late: heard.length - told,
      open,
      running,
      waitingForSlot,
      locks,
      scopes: runtime.execution(id).scopes,
    }).toEqual({
      seed,
      terminals: 1,
      last: true,
      late: 0,
      open: [],
      running: 0,
      waitingForSlot: 0,
      locks: 0,
      scopes: 0,
    });
  }
  expect([...ends].sort()).toEqual(["cancelled", "completed", "failed"]);
  await runtime.close();
}, 60_000);
