import { fork, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { afterEach, expect, test } from "vitest";

import { EventBus, type EventsError } from "../../src/index.ts";
import { childTransport, markedChild, stdioTransport } from "../../src/node.ts";
import { fakeClock } from "../../src/testing/fake-clock.ts";
import { isMarkedChild } from "../../src/transports/marked-child.ts";
import { endOf, startChild, tell, type How } from "./child-end.ts";
import { shop } from "./fixtures/shop.ts";
import { hear, type Heard } from "./hear.ts";

const path = (name: string): string => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
const within = { timeout: 15_000 };
const LINE = "a line in the middle of frames";

const children: ChildProcess[] = [];
const buses: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const bus of buses.splice(0)) await bus.close();
  await Promise.all(children.splice(0).map(endOf));
});

function start(how: How, options?: Parameters<typeof startChild>[1]): { child: ChildProcess; heard: Heard } {
  const child = startChild(how, options);
  children.push(child);
  child.stderr?.resume();
  return { child, heard: hear(how === "ipc" ? childTransport(child) : stdioTransport(child, { onText() {} })) };
}

function counts(child: ChildProcess): Record<string, number> {
  const all = [child, child.stdin, child.stdout].flatMap((emitter, at) =>
    (emitter?.eventNames() ?? []).map((name) => [`${at} ${String(name)}`, emitter!.listenerCount(name)] as const),
  );
  // One that does nothing stays for an error that comes late.
  return Object.fromEntries(all.filter(([name]) => !name.endsWith(" error")));
}

test.each(["ipc", "stdio"] as const)(
  "[E-PROC-1] a child that ends, and one that is killed, is gone, with the reason, after its last frames; over %s",
  async (how) => {
    const { child, heard } = start(how);
    tell(child, "last", how === "ipc" ? [1] : Uint8Array.of(1));
    expect(await heard.closed).toMatchObject({ kind: "gone", mayRetry: false });
    expect(heard.frames).toHaveLength(3);

    const second = start(how);
    second.heard.connection.send(how === "ipc" ? [1] : Uint8Array.of(1));
    await once(second.child, "message");
    second.child.kill("SIGKILL");
    const killed = await second.heard.closed;
    expect(killed).toMatchObject({ kind: "gone", mayRetry: false });
    expect(killed.reason).toMatch(how === "ipc" ? /^The child was ended by SIGKILL; start another one/ : /./);
    expect(second.heard.connection.send(how === "ipc" ? [2] : Uint8Array.of(2))).toBe(true);
    expect(await hear(childTransport(second.child)).closed).toMatchObject({ kind: "gone", mayRetry: false });
  },
);

test.each(["ipc", "stdio"] as const)(
  "[E-PROC-2] closing gives every listener back, and ends neither side's process; over %s",
  async (how) => {
    const child = startChild(how);
    children.push(child);
    child.stderr?.resume();
    const news: unknown[][] = [];
    child.on("message", (message: unknown[]) => news.push(message));
    await expect.poll(() => news.length, within).toBeGreaterThan(0);
    const before = counts(child);
    const heard = hear(how === "ipc" ? childTransport(child) : stdioTransport(child, { onText() {} }));
    const frame = how === "ipc" ? [1] : Uint8Array.of(1);
    heard.connection.send(frame);
    heard.connection.close("done");
    expect(await heard.closed).toMatchObject({ kind: "local", reason: "done" });
    expect(counts(child)).toEqual(before);
    await expect.poll(() => news.at(-1), within).toMatchObject(["news", "close", { kind: "gone", reason: "done" }]);
    expect(child.exitCode).toBe(null);
  },
);

test("[E-PROC-3] a channel that carries JSON is refused with what would work", async () => {
  const { heard } = start("ipc", { serialization: "json" });
  expect(await heard.closed).toMatchObject({ kind: "gone", reason: expect.stringContaining('"advanced"') });
  const spawned = spawn(process.execPath, ["-e", ""], { stdio: "ignore" });
  children.push(spawned);
  expect(() => childTransport(spawned)).toThrow(TypeError);
  expect(() => stdioTransport(spawned)).toThrow(TypeError);
});

test("[E-PROC-4] what a child prints does not reach its frames: before the first it is handed on, then it goes to stderr", async () => {
  const child = startChild("stdio-banner");
  children.push(child);
  let printed = "";
  child.stderr!.on("data", (text: Buffer) => (printed += text.toString()));
  let early = "";
  const transport = stdioTransport(child, { onText: (text) => (early += Buffer.from(text).toString()) });
  const heard = hear(transport);
  expect(() => hear(transport)).toThrow(TypeError);
  tell(child, "send", Uint8Array.of(1));
  tell(child, "print", LINE);
  tell(child, "send", Uint8Array.of(2));
  expect(await heard.framesUntil(2)).toEqual([Uint8Array.of(1), Uint8Array.of(2)]);
  expect(early).toBe("a banner before the first frame\n");
  await expect.poll(() => printed, within).toBe(`${LINE}\n${LINE}\n`);
});

test.each([
  ["text", Buffer.from("no frame at all")],
  ["a frame of more than 1 MiB", Buffer.from([1, 0, 0x10, 0, 1 ^ 0x6d, 0x6f, 0x10 ^ 0x74, 0x61])],
])("[E-PROC-5] %s in the middle of frames ends the link, and is never taken for a frame", async (_name, bytes) => {
  const preamble = Buffer.from("\0atomiton frames 1\n", "latin1");
  const sent = Buffer.concat([preamble, bytes]).toString("base64");
  const program = `process.stdout.write(Buffer.from("${sent}", "base64")); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["-e", program], { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  const heard = hear(stdioTransport(child, { onText() {} }));
  expect(await heard.closed).toMatchObject({ kind: "gone", reason: expect.stringContaining("no frame") });
  expect(heard.frames).toEqual([]);
});

test.each(["ipc", "stdio"] as const)(
  "[E-PROC-6] two buses meet across a process, and a kill ends its requests; over %s",
  async (how) => {
    const bus = new EventBus({ contract: shop, role: "ui", onError: () => {} });
    buses.push(bus);
    const child =
      how === "ipc"
        ? fork(path("shop-child.ts"), [], {
            ...markedChild({ execArgv: [] }),
            stdio: ["ignore", "pipe", "inherit", "ipc"],
          })
        : spawn(process.execPath, [path("shop-child.ts"), "stdio"], { stdio: ["pipe", "pipe", "pipe"] });
    children.push(child);
    child.stderr?.resume();
    if (how === "ipc") child.stdout?.resume();
    const transport = how === "ipc" ? childTransport(child) : stdioTransport(child, { onText() {} });
    const link = bus.connect(transport, { peer: { role: "host" } });
    await link.ready;
    const sold: number[] = [];
    await bus.on("shop:sold", ({ n }) => sold.push(n)).ready;
    expect(await bus.request("shop:order", { item: "bread" })).toEqual({ total: 5 });
    bus.emit("shop:look", { at: "all" });
    await expect.poll(() => sold.length, within).toBe(500);
    expect(sold).toEqual(Array.from({ length: 500 }, (_, n) => n));

    const open = bus.request("shop:order", { item: "never" });
    const outcome = open.catch((fault: EventsError) => fault.code);
    await bus.flush();
    child.kill("SIGKILL");
    expect(await outcome).toBe("OUTCOME_UNKNOWN");
    await expect.poll(() => link.state.at, within).toBe("closed");
  },
);

test.each(["ipc", "stdio"])(
  "[E-PROC-7] when its parent is killed, a child's link ends, and nothing of it keeps the child alive; over %s",
  async (how) => {
    const parent = fork(path("grandparent.ts"), [how, path("shop-child.ts")], {
      execArgv: [],
      stdio: ["ignore", "pipe", "ignore", "ipc"],
    });
    children.push(parent);
    let said = "";
    parent.stdout!.on("data", (text: Buffer) => (said += text.toString()));
    const pidIn = (): number => Number(/^\d+$/m.exec(said)?.[0]);
    await expect.poll(pidIn, within).toBeGreaterThan(0);
    const pid = pidIn();
    const lives = (): boolean => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    expect(lives()).toBe(true);
    parent.kill("SIGKILL");
    await expect.poll(lives, within).toBe(false);
  },
);

test("[E-PROC-8] an invitation is for one: two buses of a child take one each", async () => {
  const child = fork(path("two-buses.ts"), [], markedChild({ execArgv: [] }));
  children.push(child);
  const hear = async () => {
    const bus = new EventBus({ contract: shop, role: "ui", onError() {} });
    buses.push(bus);
    await bus.connect(childTransport(child), { peer: { role: "host" } }).ready;
    return (await bus.request("shop:order", { item: "" })).total;
  };
  expect([await hear(), await hear()]).toEqual([1, 2]);
});

test.each([true, false])(
  "[E-PROC-9] a child that stands still for an hour keeps its link where stdio is said to be local: %s",
  async (isLocal) => {
    const clock = fakeClock();
    const bus = new EventBus({ contract: shop, role: "ui", clock, onError: () => {} });
    buses.push(bus);
    const child = spawn(process.execPath, [path("shop-child.ts"), "stdio"], { stdio: ["pipe", "pipe", "ignore"] });
    children.push(child);
    const link = bus.connect(stdioTransport(child, { isLocal, onText() {} }), { peer: { role: "host" } });
    await link.ready;
    child.kill("SIGSTOP");
    for (let second = 0; second < 3_600; second++) clock.advance(1_000);
    expect(link.state.at).toBe(isLocal ? "open" : "closed");
    child.kill("SIGCONT");
    const reply = bus
      .request("shop:order", { item: "bread" }, { timeoutMs: 1e9 })
      .catch((fault: EventsError) => fault.code);
    expect(await reply).toEqual(isLocal ? { total: 5 } : "NO_HANDLER");
  },
);

test("[E-PROC-8] a bus finds the parent that marked its process, and no other: without the mark it says nothing", async () => {
  expect(isMarkedChild({ pid: 2, ppid: 1, env: { ATOMITON_BUS_PARENT: "1" }, send() {} })).toBe(true);
  // Inherited from a grandparent, and without a channel.
  expect(isMarkedChild({ pid: 3, ppid: 2, env: { ATOMITON_BUS_PARENT: "1" }, send() {} })).toBe(false);
  expect(isMarkedChild({ pid: 2, ppid: 1, env: { ATOMITON_BUS_PARENT: "1" } })).toBe(false);
  expect(markedChild({ cwd: "/", env: { A: "b" } })).toEqual({
    cwd: "/",
    env: { A: "b", ATOMITON_BUS_PARENT: String(process.pid) },
    serialization: "advanced",
  });

  const child = fork(path("shop-child.ts"), [], { execArgv: [], serialization: "advanced" });
  children.push(child);
  const said: unknown[] = [];
  child.on("message", (message) => said.push(message));
  // Nothing keeps it alive: it does not listen.
  expect(await once(child, "exit")).toEqual([0, null]);
  expect(said).toEqual([]);
});
