import { expect, test } from "vitest";

import { code } from "../../src/nodes/code.ts";
import { runNode } from "../../src/testing.ts";

const MiB = 1024 * 1024;
const run = async (text: string, inputs: Record<string, unknown> = {}, config: object = {}) =>
  await runNode(code, { in: inputs, config: { code: text, ...config } });
const valueOf = async (...args: Parameters<typeof run>) => (await run(...args)).outputs["value"];

for (const trusted of [false, true]) {
  const how = trusted ? "trusted" : "in the sandbox";
  test(`[R-CODE-1] runs code ${how} over its inputs`, async () => {
    const inputs = { rows: [{ n: 1 }, { n: 2 }], text: "grüße\u0000\u2028" };
    const more = { trusted };
    expect(await valueOf("return inputs.rows.reduce((sum, row) => sum + row.n, 0)", inputs, more)).toBe(3);
    expect(await valueOf("return inputs", inputs, more)).toEqual(inputs);
    expect(await valueOf("const one = await Promise.resolve(1); return one + 1 // end", {}, more)).toBe(2);
    expect(await run("inputs", {}, more)).toMatchObject({ outputs: {} });
    const { logs } = await run("console.log('a', { b: 1 }); console.error(2)", {}, more);
    expect(logs.map(({ message }) => message)).toEqual(['a {"b":1}', "2"]);
    const loud = await run("for (let at = 0; at < 5000; at++) console.log(at)", {}, more);
    expect(loud.logs).toHaveLength(1_000);
  });

  test(`[R-CODE-2] says what is wrong with code ${how}`, async () => {
    for (const [text, why] of [
      ["return oops", "ReferenceError"],
      ["throw new Error('mine')", "Error: mine"],
      ["await null; throw new TypeError('later')", "TypeError: later"],
      ["return (", "SyntaxError"],
      ["const f = () => f() + 1; return f()", /InternalError|RangeError/],
    ] as const) {
      await expect(run(text, {}, { trusted }), text).rejects.toMatchObject({
        error: { code: "CODE_ERROR" },
        message: expect.stringMatching(why) as string,
      });
    }
  });
}

test("[R-CODE-2] ends code in the sandbox that takes too long or holds too much, and the next run is sound", async () => {
  const limits = { timeMs: 200, memoryMiB: 16 };
  const took: number[] = [];
  const patient = { ...limits, timeMs: 10_000 };
  for (const [text, code] of [
    ["while (true);", "TIME_LIMIT"],
    ["const f = async () => { await null; return f(); }; await f()", "TIME_LIMIT"],
    ["for (;;) { try { while (true); } catch {} }", "TIME_LIMIT"],
    ["try { while (true); } finally { for (;;); }", "TIME_LIMIT"],
    ["/(a+)+$/.test('a'.repeat(40) + 'b')", "TIME_LIMIT"],
    ["const all = []; for (;;) all.push({ at: all.length })", "OUT_OF_MEMORY"],
    ["return 'x'.repeat(64 * 1024 * 1024)", "OUT_OF_MEMORY"],
    ["return new Uint8Array(64 * 1024 * 1024)", "OUT_OF_MEMORY"],
    ["await new Promise(() => {})", "CODE_ERROR"],
  ] as const) {
    const from = performance.now();
    await expect(run(text, {}, code === "OUT_OF_MEMORY" ? patient : limits), text).rejects.toMatchObject({
      error: { code },
    });
    took.push(code === "TIME_LIMIT" ? performance.now() - from : 0);
    expect(await valueOf("return 6 * 7", {}, patient), `after ${text}`).toBe(42);
  }
  expect(Math.max(...took)).toBeLessThan(5_000);
  const from = process.memoryUsage().rss;
  for (let at = 0; at < 10; at++) await run("const a = []; for (;;) a.push({})", {}, patient).catch(() => undefined);
  expect(process.memoryUsage().rss - from).toBeLessThan(256 * MiB);
});

test("[R-CODE-3] gives code in the sandbox nothing of the host", async () => {
  const names = [
    "process",
    "require",
    "fetch",
    "setTimeout",
    "Buffer",
    "WebAssembly",
    "__given",
    "import.meta",
    "Worker",
  ];
  for (const name of names.filter((one) => !one.includes("."))) {
    expect(await valueOf(`return typeof ${name}`), name).toBe("undefined");
  }
  for (const text of [
    "return inputs.constructor.constructor('return typeof process')()",
    "return console.log.constructor('return typeof process')()",
    "try { null.x } catch (error) { return error.constructor.constructor('return typeof process')() }",
    "return (async () => {}).constructor('return typeof process')()",
  ]) {
    expect(await valueOf(text, { a: 1 }), text).toBe("undefined");
  }
  await expect(run("return (await import('node:fs')).readFileSync('/etc/passwd', 'utf8')")).rejects.toMatchObject({
    error: { code: "CODE_ERROR" },
  });
  // What it does to its own prototypes stays there, and a key named __proto__ stays a key.
  await run("Object.prototype.spoiled = 1; Array.prototype.map = null");
  expect(({} as Record<string, unknown>)["spoiled"]).toBeUndefined();
  expect(await valueOf("return typeof ({}).spoiled")).toBe("undefined");
  const odd = await valueOf("return inputs.odd", { odd: JSON.parse('{"__proto__":{"admin":true}}') as unknown });
  expect(Object.keys(odd as object)).toEqual(["__proto__"]);
  expect((odd as Record<string, unknown>)["admin"]).toBeUndefined();
});

test("[R-CODE-2] limits trusted code in time, before and after its first await", async () => {
  for (const text of [
    "while (true);",
    "await new Promise(() => {})",
    "await new Promise((go) => setTimeout(go, 60_000))", // real time: it is aborted long before
  ]) {
    await expect(run(text, {}, { trusted: true, timeMs: 100 }), text).rejects.toMatchObject({
      error: { code: "TIME_LIMIT" },
    });
  }
});
