import { expect, test } from "vitest";

import { command, defineContract, event, EventBus, EventsError, memoryPair } from "../../src/index.ts";
import { fakeClock } from "../../src/testing/index.ts";
import { Item, join, make, settle } from "./join.ts";

const may = { peer: { grants: ["do:it"] } };

test("[E-REQ-1] a request is answered by whoever handles it, here or behind a link, with the reply itself", async () => {
  const host = make("host");
  const ui = make("ui");
  host.handle("run:do", ({ n }, { peer, origin }) => {
    expect(peer?.role).toBe("ui");
    expect(origin).toEqual({ busId: ui.id, role: "ui" });
    return { n: n + 1 };
  });
  host.handle("run:ask", async ({ n }) => ({ n: n * 2 }));
  await join(host, ui, may);
  expect(await Promise.all([ui.request("run:do", { n: 1 }), ui.request("run:ask", { n: 4 })])).toEqual([
    { n: 2 },
    { n: 8 },
  ]);
  expect(ui.inspect()).toMatchObject({ deadlines: 0, parkedRequests: 0, links: [{ openRequests: 0 }] });
  expect(host.inspect()).toMatchObject({ deadlines: 0, links: [{ servedRequests: 0 }] });
});

test("[E-REQ-2] a request crosses a bus in the middle, and its failure comes back as it was", async () => {
  const host = make("host");
  const ui = make("ui");
  const worker = make("worker");
  worker.handle("run:ask", ({ n }, { origin }) => {
    if (n === 0) throw new EventsError("LIMIT", "Cannot take nothing", { why: "nothing" });
    expect(origin.busId).toBe(ui.id);
    return { n: n + 1 };
  });
  await join(host, ui);
  await join(host, worker, {}, {});
  await settle();
  expect(await ui.request("run:ask", { n: 1 })).toEqual({ n: 2 });
  await expect(ui.request("run:ask", { n: 0 })).rejects.toMatchObject({
    code: "LIMIT",
    message: "Cannot take nothing",
    details: { why: "nothing" },
  });
  expect(host.inspect()).toMatchObject({ deadlines: 0 });
});

test("[E-REQ-3] a request that nobody handles is answered NO_HANDLER", async () => {
  const host = make("host");
  const ui = make("ui");
  await expect(ui.request("run:ask", { n: 1 })).rejects.toMatchObject({ code: "NO_HANDLER" });
  await join(host, ui);
  await expect(ui.request("run:ask", { n: 1 })).rejects.toMatchObject({ code: "NO_HANDLER" });
});

test("[E-REQ-3] a request made while the link opens waits for it", async () => {
  const host = make("host");
  const ui = make("ui");
  host.handle("run:ask", ({ n }) => ({ n }));
  const [left, right] = memoryPair();
  ui.connect(left);
  const reply = ui.request("run:ask", { n: 1 });
  expect(ui.inspect().parkedRequests).toBe(1);
  host.connect(right);
  expect(await reply).toEqual({ n: 1 });
});

test("[E-REQ-3] requests that wait for a link are bounded", async () => {
  const ui = make("ui", { limits: { waiting: 1 } });
  const [left] = memoryPair({ manual: true });
  ui.connect(left);
  const first = ui.request("run:ask", { n: 1 });
  await expect(ui.request("run:ask", { n: 2 })).rejects.toMatchObject({ code: "LIMIT" });
  await ui.close();
  await expect(first).rejects.toMatchObject({ code: "CLOSED" });
});

test("[E-REQ-4] the deadline ends a request on both sides", async () => {
  const clock = fakeClock();
  const host = make("host", { clock });
  const ui = make("ui", { clock });
  let signal: AbortSignal | undefined;
  host.handle("run:ask", (_input, context) => {
    signal = context.signal;
    return new Promise(() => undefined);
  });
  await join(host, ui);
  const reply = ui.request("run:ask", { n: 1 }, { timeoutMs: 500 });
  reply.catch(() => undefined);
  await settle();
  clock.advance(499);
  expect(ui.inspect().deadlines).toBe(1);
  clock.advance(2);
  await expect(reply).rejects.toMatchObject({ code: "TIMEOUT" });
  await settle();
  expect(signal?.aborted).toBe(true);
  expect([ui.inspect().deadlines, host.inspect().deadlines]).toEqual([0, 0]);
});

test("[E-REQ-5] cancelling reaches the handler's signal, through a bus in the middle", async () => {
  const host = make("host");
  const ui = make("ui");
  const worker = make("worker");
  let signal: AbortSignal | undefined;
  worker.handle("run:ask", (_input, context) => {
    signal = context.signal;
    return new Promise(() => undefined);
  });
  await join(host, ui);
  await join(host, worker);
  await settle();
  const controller = new AbortController();
  const reply = ui.request("run:ask", { n: 1 }, { signal: controller.signal });
  reply.catch(() => undefined);
  await settle();
  expect(signal?.aborted).toBe(false);
  controller.abort();
  await expect(reply).rejects.toMatchObject({ code: "CANCELLED" });
  await settle();
  expect(signal?.aborted).toBe(true);
  expect(ui.inspect()).toMatchObject({ deadlines: 0, links: [{ openRequests: 0 }] });
  expect(host.inspect().deadlines).toBe(0);
});

test("[E-REQ-5] a signal that is aborted already leaves no entry behind", async () => {
  const host = make("host");
  const ui = make("ui");
  host.handle("run:ask", () => expect.unreachable());
  await join(host, ui);
  const reply = ui.request("run:ask", { n: 1 }, { signal: AbortSignal.abort() });
  await expect(reply).rejects.toMatchObject({ code: "CANCELLED" });
  expect(ui.inspect()).toMatchObject({ deadlines: 0, parkedRequests: 0, links: [{ openRequests: 0 }] });
});

test("[E-REQ-5] a cancel that crosses the reply changes nothing", async () => {
  const host = make("host");
  const ui = make("ui");
  host.handle("run:ask", ({ n }) => ({ n }));
  await join(host, ui);
  const controller = new AbortController();
  const reply = ui.request("run:ask", { n: 1 }, { signal: controller.signal });
  await reply;
  controller.abort();
  expect(await reply).toEqual({ n: 1 });
  await settle();
  expect([host.faults, ui.faults]).toEqual([[], []]);
});

test("[E-REQ-6] a link lost while the handler runs: the outcome is unknown, and the handler is told", async () => {
  const host = make("host");
  const ui = make("ui");
  let signal: AbortSignal | undefined;
  host.handle("run:ask", (_input, context) => {
    signal = context.signal;
    return new Promise(() => undefined);
  });
  const { links } = await join(host, ui);
  const reply = ui.request("run:ask", { n: 1 });
  reply.catch(() => undefined);
  await settle();
  expect(signal?.aborted).toBe(false);
  links[1].close();
  await expect(reply).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" });
  await settle();
  expect(signal?.aborted).toBe(true);
  expect(host.inspect()).toMatchObject({ deadlines: 0, links: [] });
});

test("[E-REQ-7] without its right a command is denied, and the answer says how to grant it", async () => {
  const host = make("host");
  const ui = make("ui");
  host.handle("run:do", () => expect.unreachable());
  await join(host, ui);
  const reply = ui.request("run:do", { n: 1 });
  await expect(reply).rejects.toMatchObject({ code: "DENIED", details: { right: "do:it", role: "ui" } });
  await expect(reply).rejects.toThrow(/grants: \["do:it"\]/);
});

test("[E-REQ-7] wrong direction, unknown names and invalid payloads are answered, not dropped", async () => {
  const host = make("host");
  host.handle("run:ask", () => expect.unreachable());
  const ui = make("ui", { validate: "in" });
  await join(host, ui, { peer: { role: "worker" } });
  await expect(ui.request("run:ask", { n: 1 })).rejects.toMatchObject({ code: "WRONG_DIRECTION" });
  await expect(host.request("run:ask", { n: 1 })).rejects.toMatchObject({ code: "WRONG_DIRECTION" });
  await expect(ui.request("run:told" as "run:ask", { n: 1 })).rejects.toMatchObject({ code: "NOT_A_COMMAND" });
  await expect(ui.request("run:nothing" as "run:ask", { n: 1 })).rejects.toMatchObject({ code: "UNKNOWN_EVENT" });
  await expect(ui.request("run:ask", { n: "1" } as never)).rejects.toMatchObject({ code: "INVALID_PAYLOAD" });
});

test("[E-REQ-8] an unknown error of a handler crosses as a code and a safe message, and is shown where it happened", async () => {
  const host = make("host");
  const ui = make("ui");
  const secret = new Error("password hunter2 is wrong");
  host.handle("run:ask", () => {
    throw secret;
  });
  await join(host, ui);
  const failure: EventsError = await ui.request("run:ask", { n: 1 }).then(
    () => expect.unreachable(),
    (fault) => fault,
  );
  expect(failure.code).toBe("HANDLER_FAILED");
  expect(failure.message).not.toContain("hunter2");
  expect(String(failure.cause)).not.toContain("hunter2");
  expect(host.faults).toEqual([secret]);
});

test("[E-REQ-8] with exposeErrors its text and stack cross", async () => {
  const host = make("host", { exposeErrors: true });
  const ui = make("ui");
  host.handle("run:ask", () => Promise.reject(new Error("of the handler")));
  await join(host, ui);
  const failure: EventsError = await ui.request("run:ask", { n: 1 }).then(
    () => expect.unreachable(),
    (fault) => fault,
  );
  expect(failure.message).toContain("of the handler");
  expect(String(failure.cause)).toContain("request.test.ts");
});

test("[E-REQ-8] an error with a code that says it may be seen crosses as it is", async () => {
  const host = make("host");
  const ui = make("ui");
  host.handle("run:ask", () => {
    throw Object.assign(new Error("Cannot run: no such Blueprint"), {
      code: "NO_BLUEPRINT",
      expose: true,
      details: { id: 7 },
    });
  });
  await join(host, ui);
  await expect(ui.request("run:ask", { n: 1 })).rejects.toMatchObject({
    code: "NO_BLUEPRINT",
    message: "Cannot run: no such Blueprint",
    details: { id: 7 },
  });
  expect(host.faults).toEqual([]);
});

test("[E-REQ-9] a reply that breaks the contract is INVALID_REPLY to the caller, and a fault at the handler", async () => {
  const host = make("host");
  const ui = make("ui");
  host.handle("run:ask", () => ({ n: "one" }) as never);
  await join(host, ui);
  await expect(ui.request("run:ask", { n: 1 })).rejects.toMatchObject({ code: "INVALID_REPLY" });
  expect(host.faults).toMatchObject([{ code: "INVALID_REPLY" }]);
});

test("[E-REQ-10] a second handler for one name is refused; a stopped one makes room", async () => {
  const host = make("host");
  const off = host.handle("run:ask", ({ n }) => ({ n }));
  expect(() => host.handle("run:ask", ({ n }) => ({ n }))).toThrow(/stop that one first/);
  off();
  off();
  host.handle("run:ask", ({ n }) => ({ n: n + 1 }));
  const ui = make("ui");
  await join(host, ui);
  expect(await ui.request("run:ask", { n: 1 })).toEqual({ n: 2 });
  expect(() => ui.handle("run:ask", ({ n }) => ({ n }))).toThrow(EventsError);
});

test("[E-REQ-11] a handler starts at most once for a key: late askers get the same answer", async () => {
  const clock = fakeClock();
  const host = make("host", { clock });
  const ui = make("ui", { clock });
  let starts = 0;
  host.handle("run:sure", async ({ n }) => {
    const start = ++starts;
    await Promise.resolve();
    return { n: n + start };
  });
  await join(host, ui);
  const ask = (key: string) => ui.request("run:sure", { n: 10 }, { key });
  expect(await Promise.all([ask("a"), ask("a"), ask("b")])).toEqual([{ n: 11 }, { n: 11 }, { n: 12 }]);
  expect(await ask("a")).toEqual({ n: 11 });
  clock.advance(600_001);
  expect(await ask("a")).toEqual({ n: 13 });
  expect(host.inspect().rememberedKeys).toBe(1);
});

test("[E-REQ-11] one caller's key is not another's", async () => {
  const host = make("host");
  const [a, b] = [make("ui"), make("ui")];
  let starts = 0;
  host.handle("run:sure", () => ({ n: ++starts }));
  await join(host, a);
  await join(host, b);
  expect(await a.request("run:sure", { n: 0 }, { key: "k" })).toEqual({ n: 1 });
  expect(await b.request("run:sure", { n: 0 }, { key: "k" })).toEqual({ n: 2 });
});

test("[E-REQ-11] the handler of a shared key is told to stop when the last who waits has gone", async () => {
  const host = make("host");
  const ui = make("ui");
  let signal: AbortSignal | undefined;
  host.handle("run:sure", (_input, context) => {
    signal = context.signal;
    return new Promise(() => undefined);
  });
  await join(host, ui);
  const controllers = [new AbortController(), new AbortController()];
  const replies = controllers.map((each) => ui.request("run:sure", { n: 0 }, { key: "k", signal: each.signal }));
  for (const reply of replies) reply.catch(() => undefined);
  await settle();
  controllers[0]?.abort();
  await settle();
  expect(signal?.aborted).toBe(false);
  controllers[1]?.abort();
  await settle();
  expect(signal?.aborted).toBe(true);
});

test("[E-REQ-12] progress comes to the caller before the reply, through a bus in the middle", async () => {
  const host = make("host");
  const ui = make("ui");
  const worker = make("worker");
  worker.handle("run:ask", async ({ n }, { progress }) => {
    progress(1);
    await Promise.resolve();
    progress(2);
    return { n };
  });
  await join(host, ui);
  await join(host, worker);
  await settle();
  const seen: number[] = [];
  await ui.request("run:ask", { n: 1 }, { onProgress: (step: number) => seen.push(step) });
  expect(seen).toEqual([1, 2]);
});

test("[E-REQ-13] requests go to the link with the fewest open ones", async () => {
  const ui = make("ui");
  const workers = [make("worker"), make("worker")];
  const taken = [0, 0];
  for (const [index, worker] of workers.entries()) {
    worker.handle("run:ask", () => {
      taken[index] = (taken[index] ?? 0) + 1;
      return new Promise(() => undefined);
    });
    await join(ui, worker);
  }
  for (let n = 0; n < 4; n++) ui.request("run:ask", { n }).catch(() => undefined);
  await settle();
  expect(taken).toEqual([2, 2]);
  await ui.close();
});

test("[E-REQ-14] open requests of one link are bounded on both sides", async () => {
  const host = make("host", { limits: { requests: 2 } });
  const ui = make("ui");
  host.handle("run:ask", () => new Promise(() => undefined));
  await join(host, ui);
  const replies = [1, 2, 3].map((n) => ui.request("run:ask", { n }));
  for (const reply of replies) reply.catch(() => undefined);
  await expect(replies[2]).rejects.toMatchObject({ code: "LIMIT" });
  expect(host.inspect().links[0]).toMatchObject({ servedRequests: 2, violations: { "too-many": 1 } });
  await ui.close();
});

test("[E-REQ-15] emit of a command asks its handler, and everybody who listens hears it once", async () => {
  const host = make("host");
  const ui = make("ui");
  const heard: string[] = [];
  host.on("run:ask", ({ n }) => heard.push(`host ${n}`));
  ui.on("run:ask", ({ n }) => heard.push(`ui ${n}`));
  host.handle("run:ask", ({ n }) => {
    heard.push(`handler ${n}`);
    return { n };
  });
  await join(host, ui);
  ui.emit("run:ask", { n: 1 });
  await settle();
  await ui.request("run:ask", { n: 2 });
  expect(heard.sort()).toEqual(["handler 1", "handler 2", "host 1", "host 2", "ui 1", "ui 2"]);
  expect([host.faults, ui.faults]).toEqual([[], []]);
});

test("[E-REQ-15] an emitted command that only listeners hear is no fault; one that nobody hears is", async () => {
  const host = make("host");
  const ui = make("ui");
  const heard: number[] = [];
  await join(host, ui);
  ui.emit("run:ask", { n: 0 });
  expect(ui.faults).toMatchObject([{ code: "NO_HANDLER" }]);
  await host.on("run:ask", ({ n }) => heard.push(n)).ready;
  await settle();
  ui.emit("run:ask", { n: 1 });
  await settle();
  expect(heard).toEqual([1]);
  expect(ui.faults).toHaveLength(1);
});

test("[E-REQ-15] what goes wrong with an emitted command is told to onError", async () => {
  const host = make("host");
  const ui = make("ui");
  host.handle("run:do", () => expect.unreachable());
  await join(host, ui);
  ui.emit("run:do", { n: 1 });
  await settle();
  expect(ui.faults).toMatchObject([{ code: "DENIED" }]);
});

test("[E-REQ-15] a command emitted before the handshake is done is asked once", async () => {
  const host = make("host");
  const ui = make("ui");
  const heard: string[] = [];
  host.on("run:ask", ({ n }) => heard.push(`on ${n}`));
  host.handle("run:ask", ({ n }) => {
    heard.push(`handle ${n}`);
    return { n };
  });
  const [left, right] = memoryPair();
  const link = ui.connect(left);
  ui.emit("run:ask", { n: 1 });
  host.connect(right);
  await link.ready;
  await settle();
  expect(heard.sort()).toEqual(["handle 1", "on 1"]);
  expect([host.faults, ui.faults]).toEqual([[], []]);
});

test("[E-REQ-16] a name that is a command one way and an event the other is each by its sender's role", async () => {
  const host = make("host");
  const ui = make("ui");
  const heard: unknown[] = [];
  host.handle("run:both", ({ n }) => ({ n: n + 1 }));
  ui.on("run:both", (data) => heard.push(data));
  await join(host, ui);
  await settle();
  host.emit("run:both", { text: "hello" });
  await settle();
  expect(await ui.request("run:both", { n: 1 })).toEqual({ n: 2 });
  expect(heard).toEqual([{ text: "hello" }, { n: 1 }]);
  expect(() => host.emit("run:both", { n: 1 } as never)).toThrow(/text/);
});

test.each(["command", "event"])(
  "[E-REQ-16] of a name that is both, the %s first, a page hears the event and never another page's command",
  async (first) => {
    const host = make("host");
    const [asking, hearing] = [make("ui"), make("ui")];
    const heard: unknown[] = [];
    host.handle("run:both", ({ n }) => ({ n }));
    hearing.on("run:both", (data) => heard.push(data));
    await join(host, asking);
    await join(host, hearing);
    await settle();
    const ask = () => asking.request("run:both", { n: 1 });
    if (first === "command") await ask();
    host.emit("run:both", { text: "one" });
    await ask();
    host.emit("run:both", { text: "two" });
    await settle();
    expect(heard).toEqual([{ text: "one" }, { text: "two" }]);
    expect(hearing.faults).toEqual([]);
    expect(hearing.inspect().links[0]?.violations).toEqual({});
  },
);

test("[S6] the caller gets exactly one of seven outcomes, and nothing is left of any of them", async () => {
  const clock = fakeClock();
  const host = make("host", { clock });
  const ui = make("ui", { clock });
  host.handle("run:do", () => expect.unreachable());
  let starts = 0;
  host.handle("run:ask", async ({ n }) => {
    starts += 1;
    if (n === 1) throw new EventsError("LIMIT", "Cannot take 1", {});
    if (n > 1) await new Promise(() => undefined);
    return { n };
  });
  const { links } = await join(host, ui);
  const controller = new AbortController();
  const replies = [
    ui.request("run:ask", { n: 0 }),
    ui.request("run:ask", { n: 1 }),
    ui.request("run:do", { n: 0 }),
    ui.request("run:sure", { n: 0 }),
    ui.request("run:ask", { n: 2 }, { timeoutMs: 100 }),
    ui.request("run:ask", { n: 3 }, { signal: controller.signal }),
    ui.request("run:ask", { n: 4 }),
  ];
  const outcomes: string[] = [];
  for (const [index, reply] of replies.entries()) {
    reply.then(
      ({ n }) => outcomes.push(`${index} value ${n}`),
      ({ code }) => outcomes.push(`${index} ${code}`),
    );
  }
  await settle();
  clock.advance(101);
  controller.abort();
  await settle();
  links[0].close();
  await settle();
  expect([...outcomes].sort()).toEqual([
    "0 value 0",
    "1 LIMIT",
    "2 DENIED",
    "3 NO_HANDLER",
    "4 TIMEOUT",
    "5 CANCELLED",
    "6 OUTCOME_UNKNOWN",
  ]);
  expect(starts).toBe(5);
  expect([ui.inspect().deadlines, host.inspect().deadlines]).toEqual([0, 0]);
});

test("[E-REQ-4] a deadline that is no time is refused; one that is too long for a timer holds", async () => {
  const clock = fakeClock();
  const host = make("host", { clock });
  const ui = make("ui", { clock });
  host.handle("run:ask", ({ n }) => new Promise((resolve) => clock.after(1_000, () => resolve({ n }))));
  await join(host, ui);
  await expect(ui.request("run:ask", { n: 1 }, { timeoutMs: -1 })).rejects.toThrow(RangeError);
  await expect(ui.request("run:ask", { n: 1 }, { timeoutMs: Number.NaN })).rejects.toThrow(RangeError);
  const reply = ui.request("run:ask", { n: 1 }, { timeoutMs: 1e13 });
  await settle();
  clock.advance(1_000);
  expect(await reply).toEqual({ n: 1 });
  expect([ui.inspect().deadlines, host.inspect().deadlines]).toEqual([0, 0]);
});

test("[E-REQ-15] who may not receive a command does not hear it, also where it only passes through", async () => {
  const contract = defineContract("narrow@1", {
    "run:go": command(Item, Item, { from: ["ui"], to: ["worker"] }),
    "run:log": event(Item, { from: ["host"] }),
  });
  const ui = new EventBus({ contract, role: "ui" });
  const host = new EventBus({ contract, role: "host" });
  const worker = new EventBus({ contract, role: "worker" });
  const heard: string[] = [];
  host.on("run:*", () => heard.push("host"));
  worker.on("run:*", () => heard.push("worker"));
  worker.handle("run:go", ({ n }) => ({ n }));
  await join(host, worker, { peer: { routes: true } });
  await join(ui, host, { peer: { routes: true } });
  await settle();
  expect(await ui.request("run:go", { n: 1 })).toEqual({ n: 1 });
  await settle();
  expect(heard).toEqual(["worker"]);
});
