/** Node types that run in threads and processes: a module as a user writes it. */
import { setTimeout as sleep } from "node:timers/promises";
import { threadId } from "node:worker_threads";

import { defineNode, NodeError, port } from "@atomiton/runtime";
import { z } from "zod";

const base = { version: "1.0.0", category: "test", effect: "pure", module: import.meta.url } as const;
const anything = port.value(z.any(), { required: false });
const text = new TextEncoder();

/** Everything that a context can do. */
export const every = defineNode({
  ...base,
  type: "pool/every",
  title: "Every",
  runsOn: "thread",
  inputs: { in: anything },
  outputs: { out: port.value(z.any()), items: port.stream(z.number()) },
  config: z.object({ name: z.string() }),
  async run(ctx) {
    ctx.log.info("begun", { in: ctx.in.in });
    ctx.progress(1, 2, "half");
    const whole = await ctx.blob.put(text.encode("whole"), { type: "text/plain" });
    const parts = await ctx.blob.put(
      (async function* () {
        for (const part of ["one ", "two ", "three"]) yield text.encode(part);
      })(),
      { name: "parts.txt" },
    );
    let read = "";
    for await (const chunk of ctx.blob.open(parts)) read += new TextDecoder().decode(chunk);
    const lines: string[] = [];
    const program = await ctx.spawn("sh", ["-c", "echo from the program; exit 3"], {
      onOutput: (_, line) => void lines.push(line.trim()),
    });
    let worked = 0;
    const step = async (): Promise<number> => await ctx.step("once", async () => ++worked);
    const steps = [await step(), await step(), worked];
    for (let at = 0; at < 200; at++) await ctx.emit("items", at);
    const { executionId, path, attempt, idempotencyKey, config, cwd } = ctx;
    return {
      out: {
        threadId,
        read,
        whole,
        code: program.code,
        lines,
        steps,
        path,
        attempt,
        config,
        cwd,
        hasIds: executionId !== "" && idempotencyKey.length === 26,
        secret: (await ctx.secret("token")).length,
        local: (await ctx.blob.path(whole)) !== "",
        map: ctx.in.in instanceof Map && ctx.in.in.get("k") instanceof Date,
      },
    };
  },
});

export const double = defineNode({
  ...base,
  type: "pool/double",
  title: "Double",
  runsOn: "thread",
  inputs: { items: port.stream(z.any()) },
  outputs: { items: port.stream(z.any()) },
  config: z.object({}),
  async run(ctx) {
    for await (const item of ctx.in.items) await ctx.emit("items", item * 2);
    return {};
  },
});

async function misbehave(how: string, signal: AbortSignal): Promise<unknown> {
  switch (how) {
    case "loop":
      for (;;);
    case "microtasks":
      for (;;) await Promise.resolve();
    case "exit":
      process.exit(7);
      break;
    case "memory": {
      const held: number[][] = [];
      for (;;) held.push(Array.from({ length: 100_000 }, () => Math.random()));
    }
    case "uncaught":
      setImmediate(() => {
        throw new Error("nobody caught me");
      });
      return await sleep(10_000);
    case "crash":
      process.kill(process.pid, "SIGSEGV");
      return await sleep(10_000);
    case "throw":
      throw new NodeError("as it wanted", { code: "WANTED", class: "user", retryable: false });
    case "obey":
      return await sleep(60_000, undefined, { signal });
    case "print":
      console.log("printed");
      return await sleep(20);
  }
  return how;
}

const bad = (runsOn: "thread" | "process") =>
  defineNode({
    ...base,
    type: `pool/${runsOn}`,
    title: "Misbehaves",
    runsOn,
    resources: { memory: "64Mi" },
    inputs: {},
    outputs: { out: port.value(z.any()) },
    config: z.object({ how: z.string(), until: z.number().default(1_000) }),
    async run(ctx) {
      ctx.log.info("begun", process.pid);
      // Told before it misbehaves: a turn for the message to go.
      await sleep(20);
      return { out: ctx.attempt > ctx.config.until ? ctx.attempt : await misbehave(ctx.config.how, ctx.signal) };
    },
  });
/** Tells its live configuration, until it is told to end. */
export const live = defineNode({
  ...base,
  type: "pool/live",
  title: "Live",
  runsOn: "thread",
  inputs: {},
  outputs: { out: port.value(z.any()) },
  config: z.object({ level: z.number().default(0) }),
  liveConfig: ["level"],
  async run(ctx) {
    const heard: unknown[] = [];
    await new Promise<void>((resolve) => {
      ctx.onConfig((next, changed) => {
        heard.push([next.level, changed]);
        if (next.level === 2) resolve();
        if (next.level === 1) throw new Error("a listener's own fault");
      });
      ctx.log.info("begun");
    });
    return { out: { heard, level: ctx.config.level } };
  },
});
export const badThread = bad("thread");
export const badProcess = bad("process");
