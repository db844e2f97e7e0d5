/** A table through five nodes that change each row, whole and streamed; and numbers through three. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { Runtime, defineNode, parseBlueprint, port, type AnyNodeDef } from "@atomiton/runtime";
import { z } from "zod";

import type { Contender } from "../harness.ts";

interface Row {
  id: number;
  name: string;
  price: number;
}
const STEPS = 5;
const makeRows = (count: number): Row[] =>
  Array.from({ length: count }, (_, id) => ({ id, name: `row ${id}`, price: id % 97 }));
const step = (row: Row): Row => ({ ...row, price: row.price + 1 });

/** Rows that are as five steps leave them. */
const sound = (rows: readonly Row[]): number =>
  rows.filter(({ id, price }, at) => id === at && price === (id % 97) + STEPS).length;

export function bare(): Contender {
  let rows: Row[] = [];
  return {
    run(units) {
      if (rows.length !== units) rows = makeRows(units);
      let now = rows;
      for (let at = 0; at < STEPS; at++) now = now.map(step);
      return sound(now);
    },
    figures: () => ({ copies: 0 }),
  };
}

const base = {
  version: "1.0.0",
  title: "Bench",
  category: "bench",
  effect: "pure",
  runsOn: "inline",
  config: z.object({}),
} as const;

interface Load {
  executes: () => Promise<void>;
  close: () => Promise<void>;
}

/** source.out, through `steps` nodes, to the sink. */
function line(nodes: readonly AnyNodeDef[], steps: number): Load {
  const runtime = new Runtime({ nodes });
  const wired = Array.from({ length: steps }, (_, at) => [
    `s${at}`,
    { uses: "bench/step@1", in: { from: at === 0 ? "source.out" : `s${at - 1}.out` } },
  ]);
  const file = {
    apiVersion: "atomiton.dev/v1",
    kind: "Blueprint",
    name: "bench",
    nodes: {
      source: { uses: "bench/source@1" },
      ...Object.fromEntries(wired),
      sink: { uses: "bench/sink@1", in: { from: `s${steps - 1}.out` } },
    },
  };
  const { blueprint, problems } = parseBlueprint(JSON.stringify(file), "bench.blueprint.json");
  if (!blueprint) throw new Error(JSON.stringify(problems));
  return {
    executes: async () => void (await runtime.waitForCompletion(await runtime.execute(blueprint))),
    close: () => runtime.close(),
  };
}

export function whole(): Contender {
  const value = { inputs: { from: port.value(z.any()) }, outputs: { out: port.value(z.any()) } };
  let rows: Row[] = [];
  let end: Row[] = [];
  let made: Row[] = [];
  let copies = 0;
  const given = (from: Row[]): Row[] => {
    if (from !== made) copies++;
    return from;
  };
  const load = line(
    [
      defineNode({
        ...base,
        type: "bench/source",
        inputs: {},
        outputs: value.outputs,
        run: async () => ({ out: (made = rows) }),
      }),
      defineNode({
        ...base,
        ...value,
        type: "bench/step",
        run: async (ctx) => ({ out: (made = given(ctx.in.from as Row[]).map(step)) }),
      }),
      defineNode({
        ...base,
        type: "bench/sink",
        inputs: value.inputs,
        outputs: {},
        async run(ctx) {
          end = given(ctx.in.from as Row[]);
          return {};
        },
      }),
    ],
    STEPS,
  );
  return {
    async run(units) {
      if (rows.length !== units) rows = makeRows(units);
      copies = 0;
      await load.executes();
      return sound(end);
    },
    figures: () => ({ copies }),
    close: load.close,
  };
}

const streams = { inputs: { from: port.stream(z.any()) }, outputs: { out: port.stream(z.any()) } };

export function streamed(): Contender {
  let rows: Row[] = [];
  let end: Row[] = [];
  const load = line(
    [
      defineNode({
        ...base,
        type: "bench/source",
        inputs: {},
        outputs: streams.outputs,
        async run(ctx) {
          for (const row of rows) await ctx.emit("out", row);
          return {};
        },
      }),
      defineNode({
        ...base,
        ...streams,
        type: "bench/step",
        async run(ctx) {
          for await (const row of ctx.in.from) await ctx.emit("out", step(row as Row));
          return {};
        },
      }),
      defineNode({
        ...base,
        type: "bench/sink",
        inputs: streams.inputs,
        outputs: {},
        async run(ctx) {
          end = [];
          for await (const row of ctx.in.from) end.push(row as Row);
          return {};
        },
      }),
    ],
    STEPS,
  );
  return {
    async run(units) {
      if (rows.length !== units) rows = makeRows(units);
      await load.executes();
      return sound(end);
    },
    figures: () => ({ copies: 0 }),
    close: load.close,
  };
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
const liveMb = (): number => {
  collect();
  return process.memoryUsage().heapUsed / 1_048_576;
};

/** Counts, and looks at the memory in use after a tenth and at the end. */
class Meter {
  units = 0;
  #count = 0;
  #early = 0;
  addedMb = 0;

  begin(units: number): void {
    this.units = units;
    this.#count = 0;
  }

  item(item: number): void {
    if (item !== this.#count + 1) throw new Error(`item ${item} came after ${this.#count}`);
    this.#count = item;
    if (item === this.units / 10) this.#early = liveMb();
    if (item === this.units) this.addedMb = liveMb() - this.#early;
  }

  contender(execute: () => Promise<void>, close: () => Promise<void>): Contender {
    return {
      run: async (units) => {
        this.begin(units);
        await execute();
        return this.#count;
      },
      figures: () => ({ "live heap added, MB": this.addedMb }),
      close,
    };
  }
}

export function generator(): Contender {
  const meter = new Meter();
  async function* source(): AsyncGenerator<number> {
    for (let at = 0; at < meter.units; at++) yield at;
  }
  async function* next(from: AsyncIterable<number>): AsyncGenerator<number> {
    for await (const item of from) yield item + 1;
  }
  return meter.contender(
    async () => {
      for await (const item of next(source())) meter.item(item);
    },
    async () => undefined,
  );
}

export function items(): Contender {
  const meter = new Meter();
  const load = line(
    [
      defineNode({
        ...base,
        type: "bench/source",
        inputs: {},
        outputs: streams.outputs,
        async run(ctx) {
          for (let at = 0; at < meter.units; at++) await ctx.emit("out", at);
          return {};
        },
      }),
      defineNode({
        ...base,
        ...streams,
        type: "bench/step",
        async run(ctx) {
          for await (const item of ctx.in.from) await ctx.emit("out", (item as number) + 1);
          return {};
        },
      }),
      defineNode({
        ...base,
        type: "bench/sink",
        inputs: streams.inputs,
        outputs: {},
        async run(ctx) {
          for await (const item of ctx.in.from) meter.item(item as number);
          return {};
        },
      }),
    ],
    1,
  );
  return meter.contender(load.executes, load.close);
}
