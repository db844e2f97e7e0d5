import { expect, test } from "vitest";
import { z } from "zod";

import { port } from "../../src/blueprint/define-node.ts";
import { backoffMs, isWorthRetrying, toRtError } from "../../src/engine/run/failure.ts";
import { NodeError, RuntimeError, type RtError } from "../../src/errors.ts";
import { bench, Gate, node } from "./kit.ts";

const network = (): NodeError => new NodeError("no route", { code: "ECONNREFUSED", class: "network" });

test("[R-ENG-10] tries again after the backoff, as often as the policy says", async () => {
  const gate = new Gate();
  const { runtime, start, states, of, clock } = bench([gate.def]);
  const id = await start(
    {
      a: {
        uses: "test/gate@1",
        retry: { attempts: 3, backoff: "exponential", initial: "100ms", factor: 3, jitter: "none" },
      },
    },
    { outputs: { out: { type: "any", from: "a.out" } } },
  );
  await clock.move(0);
  gate.at("a").fail(network());
  await clock.move(99);
  expect(states()["a"]).toBe("backoff");
  expect(of("runtime:error")).toMatchObject([
    { path: "a", handled: true, terminal: false, code: "ECONNREFUSED", willRetryAt: 1_000_100 },
  ]);
  expect(gate.waiting).toHaveLength(0);
  await clock.move(1);
  expect(gate.at("a").attempt).toBe(2);
  gate.at("a").fail(network());
  await clock.move(300);
  gate.at("a").open({ out: "third" });
  expect(await runtime.waitForCompletion(id)).toEqual({ out: "third" });
  expect(of("runtime:output").at(-1)).toMatchObject({ path: "a", attempt: 3 });
  expect(clock.waiting).toBe(0);
  await runtime.close();
});

test("[R-ENG-10] gives up after the last attempt, and at once on what another attempt cannot mend", async () => {
  const gate = new Gate();
  const { runtime, start, clock } = bench([gate.def]);
  const retry = { attempts: 2, backoff: "fixed", initial: "10ms", jitter: "none" };
  const first = await start({ a: { uses: "test/gate@1", retry } });
  await clock.move(0);
  gate.at("a").fail(network());
  await clock.move(10);
  gate.at("a").fail(network());
  await expect(runtime.waitForCompletion(first)).rejects.toMatchObject({ details: { error: { attempt: 2 } } });
  const second = await start({ a: { uses: "test/gate@1", retry } });
  await clock.move(0);
  gate.at("a").fail(new NodeError("bad row", { code: "CSV_ROW", class: "user" }));
  await expect(runtime.waitForCompletion(second)).rejects.toMatchObject({
    details: { error: { attempt: 1, code: "CSV_ROW" } },
  });
  await runtime.close();
});

test("[R-ENG-10] computes backoff and what is worth another attempt from the policy", () => {
  const base = { attempts: 5, initialMs: 100, factor: 2, maxMs: 1_000, jitter: "none" } as const;
  const waits = (backoff: "fixed" | "linear" | "exponential"): number[] =>
    [1, 2, 3, 5].map((attempt) => backoffMs({ ...base, backoff }, attempt, () => 0.25));
  expect(waits("fixed")).toEqual([100, 100, 100, 100]);
  expect(waits("linear")).toEqual([100, 200, 300, 500]);
  expect(waits("exponential")).toEqual([100, 200, 400, 1_000]);
  expect(backoffMs({ ...base, backoff: "fixed", jitter: "full" }, 1, () => 0.25)).toBe(25);
  const error = (more: Partial<RtError>): RtError => ({
    code: "X",
    class: "user",
    message: "",
    retryable: false,
    ...more,
  });
  const on = (rules: string[], more: Partial<RtError>): boolean =>
    isWorthRetrying(error(more), { ...base, backoff: "fixed", on: rules });
  expect(on(["http.5xx"], { class: "http", code: "http.503", http: 503 })).toBe(true);
  expect(on(["http.5xx"], { class: "http", code: "http.429", http: 429 })).toBe(false);
  expect(on(["http.429"], { class: "http", code: "http.429", http: 429 })).toBe(true);
  expect(on(["timeout"], { class: "timeout", code: "TIMEOUT" })).toBe(true);
  expect(on(["CSV_ROW"], { code: "CSV_ROW" })).toBe(true);
  expect(on(["cancelled"], { class: "cancelled", code: "CANCELLED" })).toBe(false);
  expect(isWorthRetrying(error({ retryable: true }), { ...base, backoff: "fixed" })).toBe(true);
});

test("[R-ENG-11] ends an attempt that takes longer than its timeout, and tries again when the policy says so", async () => {
  const gate = new Gate();
  const { runtime, start, clock, of } = bench([gate.def]);
  const id = await start(
    {
      a: {
        uses: "test/gate@1",
        timeout: "50ms",
        retry: { attempts: 2, backoff: "fixed", initial: "10ms", jitter: "none", on: ["timeout"] },
      },
    },
    { outputs: { out: { type: "any", from: "a.out" } } },
  );
  await clock.move(50);
  expect(gate.aborted).toEqual(["a"]);
  expect(of("runtime:error")[0]).toMatchObject({
    code: "TIMEOUT",
    path: "a",
    detail: { class: "timeout", retryable: true },
  });
  await clock.move(10);
  gate.at("a").open({ out: "in time" });
  expect(await runtime.waitForCompletion(id)).toEqual({ out: "in time" });
  expect(clock.waiting).toBe(0);
  await runtime.close();
});

test("[R-ENG-12] gives up an attempt that ignores its signal once the grace is over, and drops what comes from it later", async () => {
  const gate = new Gate("deaf", { obeys: false });
  const { runtime, start, clock, of, states, heard } = bench([gate.def]);
  const id = await start({ a: { uses: "test/deaf@1", timeout: "50ms" } });
  await clock.move(50);
  expect(states()["a"]).toBe("running");
  await clock.move(4_999);
  expect(states()["a"]).toBe("running");
  await clock.move(1);
  await expect(runtime.waitForCompletion(id)).rejects.toMatchObject({ details: { error: { code: "TIMEOUT" } } });
  const told = heard.length;
  const { ctx, open } = gate.at("a");
  ctx.log.info("still here");
  ctx.progress(1, 2);
  await expect(ctx.spawn("true", [])).rejects.toMatchObject({ code: "E_STATE" });
  await expect(ctx.emit("out", 1)).rejects.toMatchObject({ code: "E_STATE" });
  open();
  await clock.move(1);
  expect(heard).toHaveLength(told);
  expect(of("runtime:error").filter((data) => data.terminal)).toHaveLength(1);
  expect(runtime.execution(id).late).toBe(5);
  await runtime.close();
});

test("[R-ENG-12] takes the result of the attempt that runs now, not that of one that was given up", async () => {
  const gate = new Gate("deaf", { obeys: false });
  const { runtime, start, clock } = bench([gate.def]);
  const retry = { attempts: 2, backoff: "fixed", initial: "10ms", jitter: "none", on: ["timeout"] };
  const id = await start(
    { a: { uses: "test/deaf@1", timeout: "50ms", retry } },
    { outputs: { out: { type: "any", from: "a.out" } } },
  );
  await clock.move(50 + 5_000 + 10);
  const [first, second] = [...gate.waiting];
  expect([first!.attempt, second!.attempt]).toEqual([1, 2]);
  first!.open({ out: "stale" });
  await clock.move(1);
  expect([runtime.execution(id).state, runtime.execution(id).late]).toEqual(["running", 1]);
  second!.open({ out: "current" });
  expect(await runtime.waitForCompletion(id)).toEqual({ out: "current" });
  await runtime.close();
});

test("[R-ENG-13] makes an error of whatever a node throws", async () => {
  const circular: any = { message: "x" };
  circular.self = circular;
  const hostile = {
    get code(): string {
      throw new Error("a getter");
    },
  };
  const cases: [unknown, Partial<RtError>][] = [
    [new Error("plain"), { code: "INTERNAL", class: "internal", message: "plain", retryable: false }],
    ["a text", { code: "INTERNAL", message: 'threw "a text", not an Error' }],
    [undefined, { message: "threw undefined, not an Error" }],
    [circular, { message: "threw an object, not an Error" }],
    [
      Object.assign(new Error("gone"), { code: "ECONNRESET" }),
      { code: "ECONNRESET", class: "network", retryable: true },
    ],
    [Object.assign(new Error("full"), { code: "ENOSPC" }), { class: "resource", retryable: true }],
    [new RuntimeError("BLOB_LOST", "lost"), { code: "BLOB_LOST", class: "internal" }],
    [
      new NodeError("slow", { code: "http.503", class: "http", http: 503, retryable: true }),
      { http: 503, retryable: true },
    ],
    [
      Object.create(Error.prototype, { message: { get: () => hostile.code } }),
      { message: "an error that cannot be read" },
    ],
  ];
  for (const [thrown, wanted] of cases)
    expect(toRtError(thrown, "a/b", 2)).toMatchObject({ ...wanted, path: "a/b", attempt: 2 });
  let deep = new Error("0");
  for (let at = 1; at < 100; at++) deep = new Error(String(at), { cause: deep });
  let depth = 0;
  for (let error: RtError | undefined = toRtError(deep, "a", 1); error; error = error.cause) depth++;
  expect(depth).toBe(6);
  const { runtime, start } = bench([node("throws", () => Promise.reject("a text"))]);
  const id = await start({ a: { uses: "test/throws@1" } });
  await expect(runtime.waitForCompletion(id)).rejects.toMatchObject({
    code: "EXECUTION_FAILED",
    details: { error: { path: "a" } },
  });
  await runtime.close();
});

test("[R-ENG-14] evaluates the configuration for each attempt, over the inputs, the item and the run", async () => {
  const seen: unknown[] = [];
  const look = node("look", (ctx) => {
    seen.push(ctx.config);
    if (ctx.attempt === 1) throw network();
    return { out: 1 };
  });
  const { runtime, start, clock } = bench([look], { vars: { site: "x" } });
  const id = await start({
    a: { uses: "test/give@1", with: { value: { n: 2 } } },
    b: {
      uses: "test/look@1",
      in: { in: "a.out" },
      with: {
        double: "${ in.in.n * 2 }",
        text: "n=${ in.in.n } at ${ vars.site }",
        attempt: "${ run.attempt }",
        id: "${ run.id }",
      },
      retry: { attempts: 2, initial: "5ms", jitter: "none" },
    },
  });
  await clock.move(10);
  await runtime.waitForCompletion(id);
  expect(seen).toEqual([
    { double: 4, text: "n=2 at x", attempt: 1, id },
    { double: 4, text: "n=2 at x", attempt: 2, id },
  ]);
  await runtime.close();
});

test("[R-ENG-14] fails a node whose evaluated configuration its schema refuses, with CONFIG", async () => {
  const strict = node("strict", () => ({}), { config: z.strictObject({ n: z.number() }) });
  const { runtime, start } = bench([strict]);
  const id = await start({
    a: { uses: "test/give@1", with: { value: "seven" } },
    b: { uses: "test/strict@1", in: { in: "a.out" }, with: { n: "${ in.in }" }, retry: { attempts: 3 } },
  });
  await expect(runtime.waitForCompletion(id)).rejects.toMatchObject({
    details: {
      error: {
        code: "CONFIG",
        class: "config",
        path: "b",
        attempt: 1,
        message: expect.stringContaining("n: ") as string,
      },
    },
  });
  await runtime.close();
});

test("[R-ENG-15] gathers stream ports into a list, and gives lists and streams to stream ports", async () => {
  const producer = node(
    "produce",
    async (ctx) => {
      for (let at = 0; at < ctx.config.n; at++) await ctx.emit("rows", at);
      return {};
    },
    { outputs: { rows: port.stream(z.number()) } },
  );
  const sum = node(
    "sum",
    async (ctx) => {
      let total = 0;
      for await (const row of ctx.in.rows) total += row;
      return { out: total };
    },
    { inputs: { rows: port.stream(z.number(), { type: "stream<any>" }) } },
  );
  const { runtime, run, start, of } = bench([producer, sum]);
  const nodes = (n: number): object => ({
    a: { uses: "test/produce@1", with: { n } },
    b: { uses: "test/sum@1", in: { rows: "a.rows" } },
  });
  expect(await run(nodes(5), { outputs: { out: { type: "any", from: "b.out" } } })).toEqual({ out: 10 });
  expect(of("runtime:output")[0]).toMatchObject({ path: "a", port: "rows", kind: "end", items: 5 });
  expect(await run(nodes(0), { outputs: { out: { type: "any", from: "b.out" } } })).toEqual({ out: 0 });
  const list = (value: unknown): object => ({
    a: { uses: "test/give@1", with: { value } },
    b: { uses: "test/sum@1", in: { rows: "a.out" } },
  });
  expect(await run(list([1, 2]), { outputs: { out: { type: "any", from: "b.out" } } })).toEqual({ out: 3 });
  for (const [value, text] of [
    [7, "it takes a list or a stream and got a number"],
    [[1, "two"], "item 1 of input"],
  ] as const) {
    const id = await start(list(value));
    await expect(runtime.waitForCompletion(id)).rejects.toThrow(text);
  }
  const wrong = await start({ a: { uses: "test/produce@1", with: { n: 2 } }, b: { uses: "test/give@1" } });
  expect(await runtime.waitForCompletion(wrong)).toEqual({});
  await runtime.close();
});

test("[R-ENG-16] gives a node its place in the run, a key that attempts share, steps and heartbeats", async () => {
  const seen: any[] = [];
  let ran = 0;
  const look = node("look", async (ctx) => {
    const { executionId, path, attempt, recovery, fence, idempotencyKey, lastHeartbeat, cwd } = ctx;
    const step = await ctx.step("once", async () => ++ran);
    seen.push({ executionId, path, attempt, recovery, fence, idempotencyKey, lastHeartbeat, cwd, step });
    ctx.heartbeat({ at: attempt });
    if (attempt === 1) throw network();
    return {};
  });
  const { runtime, start, clock } = bench([look], { dir: "." });
  const retry = { attempts: 2, initial: "1ms", jitter: "none" };
  const id = await start({
    a: { uses: "test/look@1", retry },
    b: { uses: "test/look@1", after: ["a"], idempotencyKey: "${ run.id & '/b' }", retry },
  });
  await clock.move(10);
  await runtime.waitForCompletion(id);
  expect(seen).toMatchObject([
    {
      executionId: id,
      path: "a",
      attempt: 1,
      recovery: 0,
      fence: 1,
      lastHeartbeat: undefined,
      cwd: process.cwd(),
      step: 1,
    },
    { path: "a", attempt: 2, lastHeartbeat: { at: 1 }, step: 1 },
    { path: "b", attempt: 1, idempotencyKey: `${id}/b`, step: 2 },
    { path: "b", attempt: 2, idempotencyKey: `${id}/b`, step: 2 },
  ]);
  expect(seen[0].idempotencyKey).toMatch(/^[a-z2-7]{26}$/);
  expect(seen[1].idempotencyKey).toBe(seen[0].idempotencyKey);
  await runtime.close();
});

test("[R-ENG-17] refuses ports that a node does not have, and waiting without a resume", async () => {
  const odd = node("odd", (ctx) => ctx.config.value);
  const { runtime, start } = bench([odd]);
  const cases: [unknown, string, string][] = [
    [{ nope: 1 }, "INVALID_OUTPUT", "has no such port; it has out, other"],
    [[1], "INVALID_OUTPUT", "Cannot take a list"],
    [{ $wait: { for: "time", until: 1 }, state: 1 }, "INVALID_OUTPUT", "has no resume"],
  ];
  for (const [value, code, text] of cases) {
    const id = await start({ a: { uses: "test/odd@1", with: { value } } });
    await expect(runtime.waitForCompletion(id)).rejects.toMatchObject({
      message: expect.stringContaining(text) as string,
      details: { error: { code, path: "a" } },
    });
  }
  await runtime.close();
});
