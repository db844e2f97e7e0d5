import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, expect, test } from "vitest";

import { openBlobStore } from "../../src/blobs/blob-store.ts";
import { parseBlueprint } from "../../src/blueprint/parse.ts";
import type { RuntimeMessage } from "../../src/contract.ts";
import { runtimeContract } from "../../src/contract.ts";
import { makeRedact } from "../../src/engine/values/redact.ts";
import { Runtime } from "../../src/runtime.ts";
import { settled } from "./fake-clock.ts";
import { bench, blueprint, Gate, node, type Bench } from "./kit.ts";

const undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const one of undo.splice(0).reverse()) await one();
});
function benchOf(...args: Parameters<typeof bench>): Bench {
  const made = bench(...args);
  undo.push(() => made.runtime.close());
  return made;
}
async function temporary(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "atomiton-runtime-"));
  undo.push(() => rm(dir, { recursive: true }));
  return dir;
}
const isTerminal = ({ type, data }: RuntimeMessage): boolean =>
  type === "runtime:completed" || (type === "runtime:error" && (data as { terminal: boolean }).terminal);

test("[R-RUN-1] gives the id before any work starts, and works without options on the current folder", async () => {
  const ran: string[] = [];
  const { runtime, start } = benchOf([node("mark", () => void ran.push("ran"))]);
  const id = await start({ a: { uses: "test/mark@1" } });
  expect([runtime.execution(id).state, ran]).toEqual(["queued", []]);
  await runtime.waitForCompletion(id);
  expect(ran).toEqual(["ran"]);
  const plain = new Runtime();
  undo.push(() => plain.close());
  expect(
    await plain.waitForCompletion(
      await plain.execute({ inline: blueprint({ a: { uses: "core/set@1", with: { values: { v: 1 } } } }) }),
    ),
  ).toEqual({});
});

test("[R-RUN-2] takes a Blueprint by id, by path, as text, as data, or parsed", async () => {
  const dir = await temporary();
  const text =
    'apiVersion: atomiton.dev/v1\nkind: Blueprint\nid: abc123\nname: hello\nversion: "1"\nnodes:\n  a: { uses: core/set@1, with: { values: { v: 7 } } }\noutputs:\n  v: { type: any, from: a.v }\n';
  await mkdir(join(dir, "sub"));
  await writeFile(join(dir, "sub", "hello.blueprint.yaml"), text);
  const { runtime } = benchOf([], { dir });
  const data = blueprint(
    { a: { uses: "core/set@1", with: { values: { v: 7 } } } },
    { outputs: { v: { type: "any", from: "a.v" } } },
  );
  for (const target of [
    "abc123",
    { path: "sub/hello.blueprint.yaml" },
    { inline: text },
    { inline: data },
    parseBlueprint(text).blueprint!,
  ]) {
    expect(await runtime.waitForCompletion(await runtime.execute(target))).toEqual({ v: 7 });
  }
  await expect(runtime.execute("nobody")).rejects.toMatchObject({ code: "UNKNOWN_BLUEPRINT" });
  await expect(runtime.execute({ path: "../x.blueprint.yaml" })).rejects.toMatchObject({ code: "UNKNOWN_BLUEPRINT" });
  await expect(runtime.execute({ inline: undefined })).rejects.toMatchObject({ code: "INVALID_BLUEPRINT" });
});

test("[R-RUN-3] refuses a wrong Blueprint with every problem, and leaves nothing behind", async () => {
  const { runtime, heard } = benchOf();
  const nodes = { a: { uses: "test/nope@1" }, b: { uses: "test/take@1", in: { need: "x.out" } } };
  await expect(runtime.execute({ inline: blueprint(nodes) })).rejects.toMatchObject({
    code: "INVALID_BLUEPRINT",
    details: {
      problems: expect.arrayContaining([
        expect.objectContaining({ code: "UNKNOWN_NODE_TYPE" }),
        expect.objectContaining({ code: "UNKNOWN_NODE" }),
      ]) as unknown,
    },
  });
  expect([runtime.executions(), heard]).toEqual([[], []]);
});

test("[R-RUN-4] checks inputs against their types, fills in defaults, and names everything that is wrong", async () => {
  const { runtime, run, start } = benchOf();
  const nodes = {
    a: { uses: "core/set@1", in: { n: "$inputs.n", s: "$inputs.s" }, with: { values: { v: "${ in.n & in.s }" } } },
  };
  const more = {
    inputs: {
      n: { type: "integer", minimum: 1 },
      s: { type: "string", default: "!" },
      o: { type: "boolean", required: false },
    },
    outputs: { v: { type: "any", from: "a.v" } },
  };
  expect(await run(nodes, more, { n: 3 })).toEqual({ v: "3!" });
  await expect(start(nodes, more, { n: 0, s: 7, what: 1 })).rejects.toMatchObject({
    code: "INVALID_INPUT",
    details: {
      problems: [
        { input: "what", message: 'there is no input "what"; "test" has n, s, o' },
        { input: "n", message: 'input "n" must be >= 1' },
        { input: "s", message: 'input "s" must be string' },
      ],
    },
  });
  await expect(start(nodes, more, {})).rejects.toMatchObject({
    details: { problems: [{ input: "n", message: 'input "n" is missing; give it a value' }] },
  });
  await expect(start(nodes, more, { n: 1, __proto__: { s: 1 } })).resolves.toBeTypeOf("string");
  expect(runtime.executions().every(({ state }) => state !== "failed")).toBe(true);
});

test("[R-RUN-5] looks for files beside the Blueprint first, then below the host's folder", async () => {
  const dir = await temporary();
  await mkdir(join(dir, "feeds"));
  await writeFile(join(dir, "feeds", "a.csv"), "beside");
  await writeFile(join(dir, "a.csv"), "host");
  await writeFile(join(dir, "b.csv"), "host");
  await writeFile(
    join(dir, "feeds", "f.blueprint.yaml"),
    [
      "apiVersion: atomiton.dev/v1",
      "kind: Blueprint",
      "name: feed",
      "inputs: { f: { type: file, default: a.csv } }",
      "outputs: { text: { type: string, from: read.text } }",
      "nodes:",
      "  read: { uses: core/set@1, in: { f: $inputs.f }, with: { values: { text: '${ $string(in.f.size) }' } } }",
    ].join("\n"),
  );
  const runtime = new Runtime({ dir });
  const sizeOf = async (input: Record<string, unknown>): Promise<unknown> =>
    (await runtime.waitForCompletion(await runtime.execute({ path: "feeds/f.blueprint.yaml" }, input)))["text"];
  expect([await sizeOf({}), await sizeOf({ f: "a.csv" }), await sizeOf({ f: "b.csv" })]).toEqual(["6", "6", "4"]);
  await runtime.close();
});

test("[R-RUN-5] reads file inputs below its folder into blobs, and no other files", async () => {
  const dir = await temporary();
  const outside = await temporary();
  await writeFile(join(outside, "secret.txt"), "secret");
  await writeFile(join(dir, "a.csv"), "x\n1\n");
  await symlink(join(outside, "secret.txt"), join(dir, "link.txt"));
  const { runtime, run, start } = benchOf([], { dir });
  const nodes = { a: { uses: "test/give@1", in: { in: "$inputs.f" } } };
  const more = { inputs: { f: { type: "file" } }, outputs: { f: { type: "any", from: "a.out" } } };
  const { f } = (await run(nodes, more, { f: "a.csv" })) as { f: any };
  expect(f).toMatchObject({ size: 4, type: "text/csv", name: "a.csv" });
  expect(await run(nodes, more, { f })).toEqual({ f });
  expect(await run(nodes, { ...more, inputs: { f: { type: "list<file>" } } }, { f: ["a.csv", f] })).toMatchObject({
    f: [{ name: "a.csv" }, f],
  });
  for (const path of [
    "../" + outside.split("/").at(-1) + "/secret.txt",
    join(outside, "secret.txt"),
    "link.txt",
    "missing",
    ".",
    "a\u0000b",
  ]) {
    const end = await start(nodes, more, { f: path }).catch((error: unknown) => error);
    expect([path, end]).toMatchObject([path, { code: "INVALID_INPUT" }]);
  }
  const wider = new Runtime({ dir, fileFolders: [outside], blobs: runtime.blobs });
  undo.push(() => wider.close());
  await expect(
    wider.execute({ inline: blueprint({}, { inputs: { f: { type: "file" } } }) }, { f: "secret.txt" }),
  ).resolves.toBeTypeOf("string");
});

test("[R-RUN-6] tells an execution's events in order, numbered without a gap, the end last, and every one fits the contract", async () => {
  const { run, heard, of } = benchOf();
  await run(
    {
      a: { uses: "test/give@1", with: { value: { n: 1 } } },
      l: { uses: "core/log@1", in: { in: "a.out" }, with: { message: "hello" } },
      bad: { uses: "test/fail@1" },
      b: { uses: "test/take@1", in: { need: "bad.error" } },
    },
    { outputs: { o: { type: "any", from: "a.out" } } },
  );
  const numbered = heard.filter(({ type }) => !["runtime:progress", "runtime:log", "runtime:result"].includes(type));
  expect(numbered.map(({ data }) => (data as any).seq)).toEqual(numbered.map((_, at) => at + 1));
  const repeated: number[] = [];
  let last = 0;
  for (const { type, data } of heard) {
    if (type === "runtime:result") continue;
    const { seq } = data as { seq: number };
    if (type === "runtime:progress" || type === "runtime:log") repeated.push(seq - last);
    last = seq;
  }
  expect(new Set(repeated)).toEqual(new Set([0]));
  expect(heard[0]).toMatchObject({
    type: "runtime:started",
    data: {
      seq: 1,
      epoch: 1,
      resumed: false,
      recovery: 0,
      total: 4,
      blueprint: { id: "test", name: "test", version: "1.0.0" },
    },
  });
  expect(heard.slice(-2).map(({ type }) => type)).toEqual(["runtime:result", "runtime:completed"]);
  const { seq, epoch, ts } = of("runtime:completed")[0] as { seq: number; epoch: number; ts: number };
  expect(of("runtime:result")).toEqual([{ executionId: expect.any(String), seq, epoch, ts, result: { o: { n: 1 } } }]);
  expect(of("runtime:completed")[0]).toMatchObject({
    result: { o: { n: 1 } },
    handledErrors: 1,
    cacheHits: 0,
    counts: { completed: 3, failed: 1, pending: 0 },
  });
  let prev = 0;
  for (const data of of("runtime:state")) {
    expect((data as any).prev).toBe(prev);
    prev = data.seq;
  }
  for (const { type, data } of heard) {
    const entry = (runtimeContract.table as Record<string, any>)[type];
    const checked = entry.payload["~standard"].validate(structuredClone(data));
    expect([type, data, checked.issues]).toEqual([type, data, undefined]);
  }
});

test("[R-RUN-7] gives a late client a snapshot and a history from which it sees the same as who was there", async () => {
  const gate = new Gate();
  const { runtime, start, clock, of, states } = benchOf([gate.def]);
  const id = await start(
    {
      a: { uses: "test/give@1", with: { value: 5 } },
      l: { uses: "core/log@1", with: { message: "hi" } },
      g: { uses: "test/gate@1", in: { in: "a.out" } },
    },
    { outputs: { v: { type: "any", from: "g.out" } } },
  );
  await clock.move(100);
  const snapshot = runtime.snapshot(id) as any;
  expect(snapshot).toMatchObject({
    kind: "snapshot",
    state: "running",
    seq: runtime.execution(id).seq,
    waits: [],
    stops: [],
  });
  expect(Object.fromEntries(snapshot.nodes.map((one: any) => [one.path, one.s]))).toEqual(states(id));
  const later: RuntimeMessage[] = [];
  const off = runtime.on((message) => later.push(message), { executionId: id });
  const history = runtime.history(id);
  expect(history.started).toEqual(of("runtime:started")[0]);
  expect(history.logs.map(({ message }) => message)).toEqual(["hi"]);
  expect(history.outputs.map(({ path, port, value }) => [path, port, value])).toContainEqual([
    "a",
    "out",
    { t: "json", v: 5 },
  ]);
  expect([history.terminal, history.progress?.done]).toEqual([undefined, 2]);
  gate.at("g").open({ out: 6 });
  await runtime.waitForCompletion(id);
  const numbered = later
    .filter(({ type }) => !["runtime:progress", "runtime:log", "runtime:result"].includes(type))
    .map(({ data }) => (data as any).seq);
  expect(numbered[0]).toBe(snapshot.seq + 1);
  expect(runtime.history(id).terminal).toEqual(of("runtime:completed")[0]);
  expect(runtime.history(id).progress).toMatchObject({ percent: 100, done: 3 });
  expect(await runtime.waitForCompletion(id)).toEqual({ v: 6 });
  expect((runtime.snapshot(id) as any).state).toBe("completed");
  off();
});

test("[R-RUN-7] tells a listener that comes in the middle of a turn nothing twice and nothing from before", async () => {
  const { runtime, clock } = benchOf();
  const quiet = new Runtime({ catalog: runtime.catalog, clock, blobs: runtime.blobs });
  undo.push(() => quiet.close());
  const id = await quiet.execute({
    inline: blueprint(Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`n${at}`, { uses: "test/give@1" }]))),
  });
  await new Promise((resolve) => setImmediate(resolve));
  const { seq } = quiet.snapshot(id) as { seq: number };
  const heard: RuntimeMessage[] = [];
  quiet.on((message) => heard.push(message));
  await quiet.waitForCompletion(id);
  const numbers = heard
    .filter(({ type }) => !["runtime:progress", "runtime:log", "runtime:result"].includes(type))
    .map(({ data }) => (data as any).seq);
  expect(numbers).toEqual(numbers.map((_, at) => seq + 1 + at));
});

test("[R-RUN-8] keeps the last executions that ended, and only so many; waiting works afterwards", async () => {
  const { runtime, start } = benchOf([], { keep: 3 });
  const ids: string[] = [];
  for (let at = 0; at < 6; at++) {
    ids.push(await start({ a: { uses: at === 4 ? "test/fail@1" : "test/give@1" } }));
    await runtime.waitForCompletion(ids[at]!).catch(() => undefined);
  }
  expect(runtime.executions().map(({ executionId, state }) => [executionId, state])).toEqual([
    [ids[3], "completed"],
    [ids[4], "failed"],
    [ids[5], "completed"],
  ]);
  await expect(runtime.waitForCompletion(ids[4]!)).rejects.toMatchObject({ code: "EXECUTION_FAILED" });
  for (const call of [
    () => runtime.snapshot(ids[0]!),
    () => runtime.history(ids[0]!),
    () => runtime.execution(ids[0]!),
    () => runtime.onProgress(ids[0]!, () => undefined),
  ]) {
    expect(call).toThrow(expect.objectContaining({ code: "UNKNOWN_EXECUTION" }));
  }
  await expect(runtime.waitForCompletion(ids[0]!)).rejects.toMatchObject({ code: "UNKNOWN_EXECUTION" });
  await expect(runtime.cancel("never")).rejects.toMatchObject({ code: "UNKNOWN_EXECUTION" });
});

test("[R-RUN-8] bounds what it keeps of one execution: logs and the outputs of loops", async () => {
  const chatty = node("chatty", (ctx) => {
    for (let at = 0; at < 1_500; at++) ctx.log.info(`line ${at}`, at);
    ctx.log.warn("x".repeat(20_000));
    return { out: 1 };
  });
  const { runtime, start } = benchOf([chatty]);
  const id = await start(
    {
      a: { uses: "test/chatty@1" },
      each: {
        uses: "core/forEach@1",
        in: { items: "$inputs.items" },
        body: { nodes: { b: { uses: "test/give@1", in: { in: "$item" } } }, outputs: { v: "b.out" } },
      },
    },
    { inputs: { items: { type: "list<any>" } } },
    { items: Array.from({ length: 500 }, (_, at) => at) },
  );
  await runtime.waitForCompletion(id);
  const { logs, logsDropped, outputs } = runtime.history(id);
  expect([logs.length, logsDropped]).toEqual([1_000, 501]);
  expect(logs.at(-1)!.message).toHaveLength(8_192 + "… (20000 characters)".length);
  expect(outputs.filter(({ path }) => path.startsWith("each["))).toHaveLength(200);
  expect(outputs.map(({ path }) => path)).toContain("a");
  expect((runtime.snapshot(id) as any).nodes.length).toBeLessThan(1_100);
});

test("[R-RUN-9] cuts large values, names blobs, and survives hostile ones", async () => {
  const cyclic: any = { a: 1 };
  cyclic.self = cyclic;
  const values: [unknown, unknown][] = [
    [{ t: 1 }, { t: "json", v: { t: 1 } }],
    [Number.NaN, { t: "json", v: "NaN" }],
    [10n, { t: "json", v: "10n" }],
    [cyclic, { t: "json", v: { a: 1, self: "[circular]" } }],
    [JSON.parse('{"__proto__": {"x": 1}}'), { t: "json", v: JSON.parse('{"__proto__": {"x": 1}}') }],
    [new Map([["k", 1]]), { t: "json", v: [["k", 1]] }],
    [new Uint8Array(3), { t: "json", v: "[3 bytes]" }],
    [() => 1, { t: "json", v: "[function]" }],
    [
      Object.defineProperty({}, "boom", {
        enumerable: true,
        get: () => {
          throw new Error("x");
        },
      }),
      { t: "json", v: { boom: "[unreadable]" } },
    ],
    [
      { $blob: `sha256:${"0".repeat(64)}`, size: 1, type: "text/plain", name: "n" },
      { t: "blob", $blob: `sha256:${"0".repeat(64)}`, size: 1, type: "text/plain", name: "n" },
    ],
  ];
  const source = node("source", (ctx) => ({ out: values[ctx.config.at]![0] }));
  const large = node("large", (ctx) => ({
    out: ctx.config.text ? "x".repeat(100_000) : Array.from({ length: 10_000 }, (_, at) => ({ at })),
  }));
  const { run, of } = benchOf([source, large]);
  for (let at = 0; at < values.length; at++) {
    await run({ a: { uses: "test/source@1", with: { at } } });
    expect([at, of("runtime:output").at(-1)!.value]).toEqual([at, values[at]![1]]);
  }
  await run({ a: { uses: "test/large@1" } });
  const cut = of("runtime:output").at(-1)!.value as any;
  expect(cut).toMatchObject({ t: "trunc", ref: "a#1.out" });
  expect(JSON.stringify(cut.preview).length).toBeLessThan(4_096);
  expect(cut.preview[0]).toEqual({ at: 0 });
  expect(
    Math.abs(cut.bytes - JSON.stringify(Array.from({ length: 10_000 }, (_, at) => ({ at }))).length) / cut.bytes,
  ).toBeLessThan(0.2);
  await run({ a: { uses: "test/large@1", with: { text: true } } });
  expect(of("runtime:output").at(-1)!.value).toMatchObject({ t: "trunc", bytes: 100_002 });
});

test("[R-RUN-16] tells large outputs by reference, and gives them whole to who waits here", async () => {
  const rows = Array.from({ length: 50_000 }, (_, at) => ({ at, text: "some twenty characters" }));
  const large = node("large", () => ({ out: rows, other: "small" }));
  const dataDir = await temporary();
  const { runtime, start, of } = benchOf([large], { blobs: openBlobStore({ dir: dataDir }) });
  const more = { outputs: { rows: { type: "any", from: "a.out" }, small: { type: "any", from: "a.other" } } };
  const id = await start({ a: { uses: "test/large@1" } }, more);
  expect(await runtime.waitForCompletion(id)).toEqual({ rows, small: "small" });
  const { result } = of("runtime:completed")[0]! as { result: any };
  expect(result).toMatchObject({ small: "small", rows: { type: "application/json", name: "rows.json" } });
  let text = "";
  for await (const chunk of runtime.blobs.open(result.rows)) text += new TextDecoder().decode(chunk);
  expect(JSON.parse(text)).toEqual(rows);
  const cancelled = await start({ a: { uses: "test/large@1" } }, more);
  const off = runtime.on(({ type }) => type === "runtime:output" && void runtime.cancel(cancelled), {
    executionId: cancelled,
  });
  await expect(runtime.waitForCompletion(cancelled)).rejects.toMatchObject({ code: "CANCELLED" });
  off();
  await runtime.close();
  const cramped = benchOf([large], { blobs: openBlobStore({ memory: true, limitBytes: 1_000 }) });
  const full = await cramped.start({ a: { uses: "test/large@1" } }, more);
  await expect(cramped.runtime.waitForCompletion(full)).rejects.toMatchObject({
    details: { error: { code: "LIMIT", class: "resource" } },
  });
});

test("[R-RUN-17] keeps files in its data folder when it is given one", async () => {
  const dataDir = await temporary();
  const runtime = new Runtime({ dataDir });
  const { $blob } = await runtime.blobs.put(new TextEncoder().encode("kept"));
  await runtime.close();
  const again = new Runtime({ dataDir });
  undo.push(() => again.close());
  expect(await again.blobs.has({ $blob })).toBe(true);
});

test("[R-RUN-10] hides the longer of two secrets that begin alike whole", () => {
  const redact = makeRedact({ short: "abc", long: "abcdef", empty: "" })!;
  expect(redact("x abcdef y abc z")).toBe("x [secret] y [secret] z");
  expect(makeRedact({ empty: "" })).toBeUndefined();
});

test("[R-RUN-10] gives a Blueprint the secrets that it lists, and shows them nowhere", async () => {
  const secret = "s3cr3t-value";
  const leak = node("leak", async (ctx) => {
    const read = await ctx.secret("token");
    ctx.log.info(`token ${read}`, { read });
    ctx.progress(1, 2, `with ${read}`);
    if (ctx.config.fail) throw new Error(`refused ${read}`, { cause: new Error(read) });
    return { out: `Bearer ${read}`, other: ctx.config.header };
  });
  const { runtime, start, heard } = benchOf([leak], { secrets: { token: secret, other: "not listed" } });
  const more = { secrets: ["token"], outputs: { o: { type: "any", from: "a.out" } } };
  const nodes = (fails: boolean): object => ({
    a: { uses: "test/leak@1", with: { fail: fails, header: "${ 'x ' & secrets.token }" } },
    b: { uses: "test/take@1", in: { need: "a.error" } },
  });
  const good = await start(nodes(false), more);
  // Who embeds the engine gets the real value; who listens does not.
  expect(await runtime.waitForCompletion(good)).toEqual({ o: `Bearer ${secret}` });
  const bad = await start(nodes(true), more);
  await runtime.waitForCompletion(bad);
  const said = JSON.stringify([
    heard,
    runtime.history(good),
    runtime.snapshot(good),
    runtime.history(bad),
    runtime.snapshot(bad),
  ]);
  expect(said).not.toContain(secret);
  expect(said).toContain("Bearer [secret]");
  const unlisted = await start({ a: { uses: "test/leak@1", with: {} } });
  await expect(runtime.waitForCompletion(unlisted)).rejects.toMatchObject({
    details: { error: { code: "UNKNOWN_SECRET" } },
  });
  await expect(start({}, { secrets: ["token", "cdn", "db"] })).rejects.toMatchObject({
    code: "SECRET",
    details: { secrets: ["cdn", "db"] },
  });
});

test("[R-RUN-11] lets a listener's fault change nothing, and tells it to onError", async () => {
  const faults: unknown[] = [];
  const { runtime, run, heard } = benchOf([], { onError: (error) => faults.push(error) });
  const fault = new Error("listener");
  const off = runtime.on(() => {
    throw fault;
  });
  const later: string[] = [];
  runtime.on(({ type }) => later.push(type));
  await run({ a: { uses: "test/give@1" } });
  expect(later).toEqual(heard.map(({ type }) => type));
  expect(faults.length).toBe(heard.length);
  expect(new Set(faults)).toEqual(new Set([fault]));
  off();
  off();
  const count = faults.length;
  await run({ a: { uses: "test/give@1" } });
  expect(faults.length).toBe(count);
});

test("[R-RUN-11] tells every listener everything in one order, also what another listener causes", async () => {
  const gate = new Gate();
  const { runtime, start, clock } = benchOf([gate.def]);
  const first: string[] = [];
  const second: string[] = [];
  const word = (message: RuntimeMessage): string => `${message.type}:${isTerminal(message)}`;
  let cancelled: Promise<unknown> | undefined;
  runtime.on((message) => {
    first.push(word(message));
    if (message.type === "runtime:output") cancelled ??= runtime.cancel(message.data.executionId);
  });
  runtime.on((message) => second.push(word(message)));
  const id = await start({ a: { uses: "test/give@1" }, g: { uses: "test/gate@1" } });
  await clock.move(0);
  await cancelled;
  expect(second).toEqual(first);
  expect(first.at(-1)).toBe("runtime:error:true");
  expect(runtime.execution(id).state).toBe("cancelled");
});

test("[R-RUN-12] closes by cancelling everything, and refuses work afterwards", async () => {
  const gate = new Gate();
  const { runtime, start, clock, of } = bench([gate.def]);
  const ids = [await start({ a: { uses: "test/gate@1" } }), await start({ a: { uses: "test/gate@1" } })];
  await clock.move(0);
  const ends = Promise.allSettled(ids.map((id) => runtime.waitForCompletion(id)));
  await Promise.all([runtime.close({ reason: "told to" }), runtime.close()]);
  expect((await ends).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  const ended = of("runtime:error").filter(({ terminal }) => terminal);
  expect(ended.map(({ error }) => error)).toEqual(["told to", "told to"]);
  expect(clock.waiting).toBe(0);
  await expect(start({ a: { uses: "test/give@1" } })).rejects.toMatchObject({ code: "CLOSED" });
});

test("[R-RUN-13] refuses an id that is taken, also while the first is being accepted", async () => {
  const { runtime } = benchOf();
  const target = { inline: blueprint({ a: { uses: "test/give@1" } }) };
  const [first, second] = await Promise.allSettled([
    runtime.execute(target, {}, { executionId: "x" }),
    runtime.execute(target, {}, { executionId: "x" }),
  ]);
  expect(first).toMatchObject({ status: "fulfilled", value: "x" });
  expect(second).toMatchObject({ status: "rejected", reason: { code: "E_STATE" } });
  await runtime.waitForCompletion("x");
  await expect(runtime.execute(target, {}, { executionId: "x" })).rejects.toMatchObject({ code: "E_STATE" });
});

test("[R-RUN-14] reports progress from work that is done: never falling, at most ten a second, 100 at the end alone", async () => {
  const gate = new Gate();
  const { runtime, start, clock } = benchOf([gate.def]);
  const body = { nodes: { g: { uses: "test/gate@1", in: { in: "$item" } } }, outputs: { v: "g.out" } };
  const id = await start(
    {
      first: { uses: "test/gate@1" },
      each: {
        uses: "core/forEach@1",
        in: { items: "$inputs.items", after: "first.out" },
        with: { concurrency: 1 },
        body,
      },
    },
    { inputs: { items: { type: "list<any>" } } },
    { items: [1, 2, 3, 4] },
  );
  const seen: any[] = [];
  const off = runtime.onProgress(id, (progress) => seen.push(progress));
  await clock.move(1_000);
  expect(seen.at(-1)).toMatchObject({ percent: null, totalFinal: false, done: 0, total: 2, running: 1 });
  gate.at("first").ctx.progress(1, 4, "a quarter");
  await clock.move(100);
  expect(seen.at(-1)).toMatchObject({
    percent: 12.5,
    message: "first: a quarter",
    nodes: [{ path: "first", done: 1, total: 4, message: "a quarter" }],
  });
  gate.at("first").ctx.progress(0, 4);
  await clock.move(100);
  expect(seen.at(-1)).toMatchObject({ percent: 12.5 });
  gate.at("first").open();
  await clock.move(100);
  expect(seen.at(-1)).toMatchObject({ percent: 50, done: 1, total: 6, totalFinal: true });
  for (const [at, percent] of [62.5, 75, 87.5].entries()) {
    gate.at(`each[${at}]/g`).open();
    await clock.move(100);
    expect(seen.at(-1)).toMatchObject({ percent, done: 2 + at, nodes: [{ path: "each", done: at + 1, total: 4 }] });
  }
  const before = seen.length;
  for (let at = 0; at < 1_000; at++) gate.at("each[3]/g").ctx.progress(at, 1_000);
  await settled();
  expect(seen.length).toBeLessThanOrEqual(before + 1);
  await clock.move(100);
  expect(seen.at(-1).percent).toBeLessThan(100);
  gate.at("each[3]/g").open();
  await runtime.waitForCompletion(id);
  expect(seen.at(-1)).toMatchObject({ percent: 100, done: 6, total: 6, running: 0, totalFinal: true });
  const percents = seen.map(({ percent }) => percent ?? 0);
  expect(percents).toEqual([...percents].sort((a, b) => a - b));
  off();
  expect(clock.waiting).toBe(0);
});

test("[R-RUN-14] does not call done what failed or was cancelled", async () => {
  const gate = new Gate();
  const { runtime, start, clock, of } = benchOf([gate.def]);
  const id = await start({
    a: { uses: "test/gate@1" },
    b: { uses: "test/gate@1" },
    c: { uses: "test/gate@1" },
    d: { uses: "test/gate@1" },
  });
  await clock.move(0);
  gate.at("a").open();
  await clock.move(100);
  gate.at("b").fail(new Error("x"));
  await expect(runtime.waitForCompletion(id)).rejects.toMatchObject({ code: "EXECUTION_FAILED" });
  expect(of("runtime:progress").at(-1)).toMatchObject({ percent: 25, done: 4, failed: 1, running: 0 });
});

test("[R-RUN-15] gives everything back: slots, locks, timers, listeners and blobs of 200 executions", async () => {
  const handles = (): number => process.getActiveResourcesInfo().filter((name) => name !== "CloseReq").length;
  const { runtime, start, clock } = benchOf([], { keep: 0, blobs: openBlobStore({ memory: true }) });
  const before = handles();
  for (let at = 0; at < 200; at++) {
    const id = await start({
      a: { uses: "test/give@1", with: { value: 1 }, timeout: "10s" },
      b: { uses: at % 3 === 0 ? "test/fail@1" : "test/give@1", in: { in: "a.out" }, retry: { attempts: 1 } },
    });
    const off = runtime.onProgress(id, () => undefined);
    await runtime.waitForCompletion(id).catch(() => undefined);
    off();
  }
  await settled();
  expect(runtime.executions().length).toBeLessThanOrEqual(1);
  expect(clock.waiting).toBe(0);
  expect(handles()).toBeLessThanOrEqual(before + 1);
  expect(runtime.gauge()).toEqual({
    executions: runtime.executions().length,
    running: 0,
    waitingForSlot: 0,
    locks: 0,
    listeners: 1,
    workers: 0,
  });
});
