/** What the nodes of random Blueprints live in: a clock, the time that each attempt takes, and a witness of their acts. */
import { z } from "zod";

import { createCatalog, type NodeCatalog } from "../../src/blueprint/catalog.ts";
import { port } from "../../src/blueprint/define-node.ts";
import { constructs } from "../../src/engine/plan/constructs.ts";
import { coreNodes } from "../../src/nodes/index.ts";
import { FakeClock } from "../engine/fake-clock.ts";
import { node } from "../engine/kit.ts";
import { chance } from "./dice.ts";
import { itemsOf, sumOf } from "./interpret.ts";

/** Longest rest of an attempt, ms. */
const REST_MS = 20;

export interface Acts {
  readonly keys: Set<string>;
  times: number;
}

export class World {
  readonly clock = new FakeClock();
  /** By path. */
  readonly acts = new Map<string, Acts>();
  /** By path and step: how often it was done. */
  readonly steps = new Map<string, number>();
  readonly #seed: number;
  /** Hosts so far. */
  life = 0;
  /** The host is dead: what its nodes would still do does not happen. */
  isDead = false;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Some time, its own for each attempt: so that nodes overtake each other. */
  async rest(
    { path, attempt, signal }: { path: string; attempt: number; signal: AbortSignal },
    when: string,
  ): Promise<void> {
    const ms = chance(`${this.#seed} ${this.life} ${path} ${attempt} ${when}`, REST_MS * 2) - REST_MS;
    if (ms > 0) await this.sleep(ms, signal);
  }

  sleep(ms: number | undefined, signal: AbortSignal): Promise<never> | Promise<void> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        takeBack?.();
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", leave, { once: true });
      const takeBack =
        ms === undefined
          ? undefined
          : this.clock.after(ms, () => {
              signal.removeEventListener("abort", leave);
              resolve();
            });
    });
  }

  act({ path, idempotencyKey }: { path: string; idempotencyKey: string }): void {
    if (this.isDead) return;
    const acts = this.acts.get(path) ?? { keys: new Set(), times: 0 };
    acts.keys.add(idempotencyKey);
    acts.times++;
    this.acts.set(path, acts);
  }

  step(name: string): number {
    if (!this.isDead) this.steps.set(name, (this.steps.get(name) ?? 0) + 1);
    return 1;
  }
}

const broken = (): Error => Object.assign(new Error("broken"), { code: "ECONNRESET" });

/** Of the executions that are played now, by their ids: the node types are one for all. */
export const worlds: Map<string, World> = new Map();
const worldOf = ({ executionId }: { executionId: string }): World => worlds.get(executionId)!;

const work = node("work", async (ctx) => {
  const world = worldOf(ctx);
  const { value, flaky, hangs, steps, acts } = ctx.config;
  await world.rest(ctx, "before");
  if (ctx.attempt <= flaky) throw broken();
  if (ctx.attempt <= flaky + hangs) await world.sleep(undefined, ctx.signal);
  let sum = value + sumOf(ctx.in.many) + sumOf(ctx.in.add) + sumOf(ctx.in.in);
  for (let at = 0; at < steps; at++) {
    sum += await ctx.step(`s${at}`, async () => {
      await world.rest(ctx, `step ${at}`);
      return world.step(`${ctx.path} ${at}`);
    });
  }
  if (acts === "write" || acts === "idempotent") world.act(ctx);
  await world.rest(ctx, "after");
  return acts === "write" ? {} : { out: sum };
});
const list = node("list", (ctx) => ({ out: ctx.config.value }));
const source = node(
  "source",
  async (ctx) => {
    await worldOf(ctx).rest(ctx, "before");
    if (ctx.attempt <= ctx.config.flaky) throw broken();
    for (const item of itemsOf(ctx.config.count)) {
      await ctx.emit("items", item);
      await worldOf(ctx).rest(ctx, `item ${item}`);
    }
    return {};
  },
  { inputs: {}, outputs: { items: port.stream(z.any()) } },
);

export const catalog: NodeCatalog = createCatalog([...constructs, ...coreNodes, work, list, source]);
