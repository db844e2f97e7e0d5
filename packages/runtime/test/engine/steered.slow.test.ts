/** Random Blueprints that are paused, stepped and stopped wherever it falls, against the sequential interpreter. */
import { expect, test } from "vitest";

import { openBlobStore } from "../../src/blobs/blob-store.ts";
import { createCatalog } from "../../src/blueprint/catalog.ts";
import type { RuntimeMessage } from "../../src/contract.ts";
import { constructs } from "../../src/engine/plan/constructs.ts";
import { coreNodes } from "../../src/nodes/index.ts";
import { Runtime } from "../../src/runtime.ts";
import { give } from "./kit.ts";
import { generate, interpret, item, plain, toBlueprint, work } from "./reference.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const KINDS = ["before", "after", "error", "edge"] as const;

test("[R-ENG-60] paused, stepped and stopped at random, Blueprints end as the interpreter says", async () => {
  const heard: RuntimeMessage[] = [];
  const runtime = new Runtime({
    catalog: createCatalog([...constructs, ...coreNodes, give, work, item]),
    blobs: openBlobStore({ memory: true }),
    keep: 1,
  });
  runtime.on((message) => heard.push(message));
  const seen = new Set<string>();
  for (let seed = 0; seed < 300; seed++) {
    heard.length = 0;
    let dice = seed * 7_919 + 1;
    const next = (below: number): number => {
      dice = (Math.imul(dice, 1_103_515_245) + 12_345) & 0x7fffffff;
      return (dice >> 8) % below;
    };
    const specs = generate(seed);
    const wanted = interpret(specs);
    const breakpoints = specs
      .filter(() => next(3) === 0)
      .map(({ name }, at) => ({
        id: `b${at}`,
        at: KINDS[next(4)]!,
        path: name,
        suspend: next(2) === 0 ? ("all" as const) : ("scope" as const),
        enabled: true,
      }));
    const id = await runtime.execute({ inline: toBlueprint(specs) }, {}, { breakpoints });
    const control = runtime.control(id);
    const end = runtime.waitForCompletion(id).catch(() => undefined);
    const moves: string[] = [];
    const isOver = (): boolean => runtime.execution(id).endedAt !== undefined;
    for (let left = 10_000; !isOver(); left--) {
      if (left === 0) throw new Error(`seed ${seed} does not end: ${control.state} after ${moves.join(" ")}`);
      for (let wait = next(4); wait > 0; wait--) await turn();
      if (isOver() || control.state === "queued" || control.state === "cancelling") continue;
      const move = next(10);
      const name = move < 2 ? "pause" : move < 3 ? "pause now" : move < 6 ? "step" : "resume";
      moves.push(name);
      seen.add(`${name} while ${control.state}`);
      try {
        if (name === "pause") control.pause();
        else if (name === "pause now") control.pause("now");
        else if (name === "step") control.step((["over", "into", "out"] as const)[next(3)]!);
        else control.resume();
      } catch (error) {
        // Nothing to step.
        if ((error as { code?: string }).code !== "E_STATE") throw error;
      }
    }
    const states: Record<string, string> = {};
    for (const { type, data } of heard) {
      if (type === "runtime:state") for (const { path, s } of data.nodes ?? []) states[path] = s;
      if (type === "runtime:state" && data.state) seen.add(data.state);
      if (type === "runtime:breakpoint" && data.op === "hit") seen.add(data.stop.reason);
    }
    const result = await end;
    const what = `seed ${seed}: ${JSON.stringify(toBlueprint(specs)["nodes"])} ${moves.join(" ")}`;
    const ports = Object.entries(wanted.outputs).filter(([wire]) => !wire.endsWith(".error"));
    const outputs = wanted.fails
      ? undefined
      : Object.fromEntries(ports.map(([wire, value]) => [wire.replace(".", "_"), value]));
    expect({
      what,
      states: Object.fromEntries(specs.map(({ name }) => [name, states[name]])),
      outputs: plain(result),
      running: runtime.gauge().running,
      scopes: runtime.execution(id).scopes,
    }).toEqual({ what, states: wanted.states, outputs: plain(outputs), running: 0, scopes: 0 });
    // Nothing takes the same number twice, and none is left out.
    const numbers = heard.flatMap(({ type, data }) =>
      type === "runtime:log" || type === "runtime:progress" || type === "runtime:inspect" || type === "runtime:result"
        ? []
        : [data.seq],
    );
    expect(numbers).toEqual(numbers.map((_, at) => at + 1));
  }
  for (const what of ["paused", "step", "breakpoint", "error", "pause now while running", "step while paused"]) {
    expect([...seen]).toContain(what);
  }
  await runtime.close();
}, 120_000);
