import { z } from "zod";

import { openBlobStore } from "../../src/blobs/blob-store.ts";
import { createCatalog } from "../../src/blueprint/catalog.ts";
import { defineNode, port, type AnyNodeDef } from "../../src/blueprint/define-node.ts";
import type { RuntimeMessage } from "../../src/contract.ts";
import { constructs } from "../../src/engine/plan/constructs.ts";
import { NodeError } from "../../src/errors.ts";
import { coreNodes } from "../../src/nodes/index.ts";
import { Runtime, type RuntimeOptions } from "../../src/runtime.ts";
import { FakeClock } from "./fake-clock.ts";

type Run = (ctx: any) => unknown;

const value = port.value(z.any(), { required: false });

/** A node whose work a test gives: one optional input `in`, one that takes many, `out`. */
export function node(type: string, run: Run, more: Partial<AnyNodeDef> = {}): AnyNodeDef {
  return {
    ...defineNode({
      type: `test/${type}`,
      version: "1.0.0",
      title: type,
      category: "test",
      effect: "pure",
      runsOn: "inline",
      inputs: { in: value, need: value, many: port.value(z.any(), { required: false, multi: true }) },
      outputs: { out: port.value(z.any()), other: port.value(z.any()) },
      config: z.looseObject({}),
      openInputs: true,
      async run(ctx) {
        return (await run(ctx)) as { out?: unknown };
      },
    }),
    ...more,
  } as AnyNodeDef;
}

/** Gives its configuration's `value`, or what it gets. */
export const give = node("give", (ctx) => ({ out: ctx.config.value ?? ctx.in.in ?? ctx.in.many ?? "nothing" }));
/** Takes its input only when there is one: `need` is required. */
export const take = node("take", (ctx) => ({ out: ctx.in.need }), {
  inputs: { need: port.value(z.any()) },
});
export const fail = node("fail", (ctx) => {
  throw new NodeError(ctx.config.message ?? "broken", {
    code: ctx.config.code ?? "BROKEN",
    class: ctx.config.class ?? "user",
    retryable: ctx.config.retryable ?? false,
  });
});

/** Attempts that end when the test says so. */
export class Gate {
  readonly waiting: {
    path: string;
    attempt: number;
    ctx: any;
    open: (outputs?: unknown) => void;
    fail: (error: unknown) => void;
  }[] = [];
  /** Every attempt that began, in order. */
  readonly begun: string[] = [];
  /** Aborts seen by attempts. */
  readonly aborted: string[] = [];
  readonly def: AnyNodeDef;

  /** `obeys`: ends with the signal's reason when it fires. */
  constructor(type = "gate", { obeys = true }: { obeys?: boolean } = {}) {
    this.def = node(type, (ctx) => {
      this.begun.push(ctx.path);
      return new Promise((resolve, reject) => {
        const { path, attempt, signal } = ctx;
        const leave = (): void => {
          const at = this.waiting.findIndex((one) => one.ctx === ctx);
          if (at >= 0) this.waiting.splice(at, 1);
        };
        signal.addEventListener("abort", () => {
          this.aborted.push(path);
          if (!obeys) return;
          leave();
          reject(signal.reason as Error);
        });
        this.waiting.push({
          path,
          attempt,
          ctx,
          open: (outputs = { out: path }) => (leave(), resolve(outputs)),
          fail: (error) => (leave(), reject(error as Error)),
        });
      });
    });
  }

  get paths(): string[] {
    return this.waiting.map(({ path }) => path);
  }
  at(path: string): Gate["waiting"][number] {
    const found = this.waiting.find((one) => one.path === path);
    if (!found) throw new Error(`nothing waits at ${path}; what does: ${this.paths.join(", ")}`);
    return found;
  }
}

type DataOf<T extends RuntimeMessage["type"]> = Extract<RuntimeMessage, { type: T }>["data"];
export interface Bench {
  readonly runtime: Runtime;
  readonly clock: FakeClock;
  readonly heard: RuntimeMessage[];
  /** Runs it to its end and gives the outputs. */
  readonly run: (nodes: unknown, more?: object, input?: Record<string, unknown>) => Promise<Record<string, unknown>>;
  /** Starts it and gives the id. */
  readonly start: (nodes: unknown, more?: object, input?: Record<string, unknown>) => Promise<string>;
  /** Last state of each instance that was told. */
  readonly states: (executionId?: string) => Record<string, string>;
  readonly of: <T extends RuntimeMessage["type"]>(type: T, executionId?: string) => DataOf<T>[];
}

/** A runtime on a clock that the test holds, with test nodes and the core ones. */
export function bench(nodes: readonly AnyNodeDef[] = [], options: RuntimeOptions = {}): Bench {
  const clock = new FakeClock();
  const catalog = createCatalog([...constructs, ...coreNodes, give, take, fail, ...nodes]);
  const runtime = new Runtime({
    catalog,
    clock,
    random: () => 0.5,
    blobs: openBlobStore({ memory: true }),
    ...options,
  });
  const heard: RuntimeMessage[] = [];
  runtime.on((message) => heard.push(message));
  const of = (type: string, executionId?: string) =>
    heard
      .filter((m) => m.type === type && (executionId === undefined || m.data.executionId === executionId))
      .map((m) => m.data);
  const start = (graph: unknown, more: object = {}, input: Record<string, unknown> = {}): Promise<string> =>
    runtime.execute({ inline: blueprint(graph, more) }, input);
  return {
    runtime,
    clock,
    heard,
    start,
    async run(graph, more, input) {
      return await runtime.waitForCompletion(await start(graph, more, input));
    },
    states(executionId) {
      const states: Record<string, string> = {};
      for (const data of of("runtime:state", executionId) as any[])
        for (const { path, s } of data.nodes ?? []) states[path] = s;
      return states;
    },
    of: of as Bench["of"],
  };
}

export function blueprint(nodes: unknown, more: object = {}): Record<string, unknown> {
  return {
    apiVersion: "atomiton.dev/v1",
    kind: "Blueprint",
    id: "test",
    name: "test",
    version: "1.0.0",
    nodes,
    ...more,
  };
}
