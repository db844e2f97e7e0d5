/** Two buses over a WebSocket whose road breaks in every way that a network has: numbers are compared on both sides. */
import { expect, test } from "vitest";
import { WebSocket as WsClient } from "ws";

import type { WebSocketClass } from "../../src/transports/websocket.ts";
import { livingBytes, resources } from "./gauges.ts";
import { quickClock } from "./quick-clock.ts";
import { dial, flowBus, reopened, served, tallies, turn } from "./stand.ts";

const LONG = { timeout: 60_000 };
const within = { timeout: 20_000 };
const clients: [string, { WebSocket?: WebSocketClass }][] = [
  ["the platform's client", {}],
  ["the ws client", { WebSocket: WsClient as unknown as WebSocketClass }],
];

/** Something to carry, so that cuts fall inside frames. */
const pad = (n: number) => (n % 10 === 0 ? { pad: new Uint8Array(n % 700) } : {});

test.each(clients)(
  "[E-REAL-1] cut under load, both ways: 50,000 numbers each way arrive once, in order; over %s",
  LONG,
  async (_name, socket) => {
    const before = resources();
    const { host, starts, sockets, proxy, url } = await served();
    const ui = flowBus("ui");
    const { link, states } = await dial(ui, url, socket);
    const { down, up } = await tallies(host, ui);
    const rounds = 10;
    const each = 5_000;
    const asked: Promise<{ n: number }>[] = [];
    let halfWay = 0;
    for (let round = 0; round < rounds; round += 1) {
      const isBack = reopened(link);
      proxy.cutAfter(3_000 + round * 5_003, round % 2 === 0 ? "client" : "server");
      for (let n = round * each; n < (round + 1) * each; n += 1) {
        host.emit("flow:down", { n, ...pad(n) });
        ui.emit("flow:up", { n, ...pad(n) });
        if (n % 250 === 0) asked.push(ui.request("flow:ask", { n }));
        if (n % 50 === 49) await turn();
      }
      expect((await isBack).resumed).toBe(true);
      if (round !== rounds / 2 - 1) continue;
      await Promise.all([host.flush(), ui.flush()]);
      halfWay = livingBytes();
    }
    await Promise.all([host.flush(), ui.flush()]);
    // The second half of the flow left nothing behind.
    expect(livingBytes() - halfWay).toBeLessThan(2 * 1024 * 1024);
    const all = rounds * each;
    expect([down.heard, up.heard, down.faults, up.faults, down.missing, up.missing]).toEqual([
      all,
      all,
      [],
      [],
      [],
      [],
    ]);
    expect((await Promise.all(asked)).map(({ n }) => n)).toEqual(starts);
    expect(starts).toEqual(Array.from({ length: all / 250 }, (_, n) => n * 250));
    expect(proxy.connections).toBe(rounds + 1);
    expect(states.filter(({ at }) => at === "open")).toHaveLength(rounds);
    await expect.poll(() => [host.inspect().links.length, sockets.inspect().connections], within).toEqual([1, 1]);

    await ui.close();
    await expect.poll(() => [host.inspect().links.length, sockets.inspect().connections], within).toEqual([0, 0]);
    expect([host.inspect().deadlines, ui.inspect().deadlines, host.faults, ui.faults]).toEqual([0, 0, [], []]);
    await proxy.close();
    // What is left is the server that still listens, and its timers.
    await expect.poll(() => resources()["TCPSocketWrap"] ?? 0, within).toBe(before["TCPSocketWrap"] ?? 0);
  },
);

test.each(["client", "server"] as const)(
  "[E-REAL-2] half-closed towards the %s: one side knows, the other does not; the session moves on",
  LONG,
  async (told) => {
    // Times of the session: 25 s of silence are 1.25 s here.
    const clock = quickClock(20);
    const { host, sockets, proxy, url } = await served({ clock, pingEveryMs: 1_000 });
    const ui = flowBus("ui", { clock });
    const { link } = await dial(ui, url);
    const { down, up } = await tallies(host, ui);
    let n = 0;
    for (let round = 0; round < 2; round += 1) {
      const isBack = reopened(link);
      for (const end = n + 1_000; n < end; n += 1) {
        host.emit("flow:down", { n, pad: new Uint8Array(200) });
        ui.emit("flow:up", { n, pad: new Uint8Array(200) });
        if (n % 1_000 === 500) proxy.halfClose(told);
        if (n % 50 === 0) await turn();
      }
      expect((await isBack).resumed).toBe(true);
    }
    await Promise.all([host.flush(), ui.flush()]);
    expect([down.heard, up.heard, down.faults, up.faults, down.missing, up.missing]).toEqual([n, n, [], [], [], []]);
    expect(host.inspect().links).toHaveLength(1);
    // Those that the session left are told to go; the server does not wait for a goodbye that cannot come.
    await expect.poll(() => sockets.inspect().connections, within).toBe(1);
  },
);

test.each(clients)(
  "[E-REAL-3] a road that carries nothing and tells nobody is given up by silence, and the session moves on; over %s",
  LONG,
  async (_name, socket) => {
    const clock = quickClock(20);
    const { host, sockets, proxy, url } = await served({ clock, pingEveryMs: 1_000 });
    const ui = flowBus("ui", { clock });
    const { link, states } = await dial(ui, url, socket);
    const { down, up } = await tallies(host, ui);
    const isBack = reopened(link);
    proxy.hold();
    const reply = ui.request("flow:ask", { n: 7 }, { timeoutMs: 600_000 });
    let n = 0;
    while (states.length === 0) {
      // Also while it hangs: what waits is bounded, and this stays far below it.
      if (n < 5_000) {
        host.emit("flow:down", { n });
        ui.emit("flow:up", { n });
        n += 1;
      }
      await turn();
    }
    expect(states[0]).toMatchObject({ at: "waiting", why: expect.stringMatching(/^nothing heard for \d+ ms$/) });
    expect((await isBack).resumed).toBe(true);
    expect(await reply).toEqual({ n: 7 });
    await Promise.all([host.flush(), ui.flush()]);
    expect([down.heard, up.heard, down.faults, up.faults, down.missing, up.missing]).toEqual([n, n, [], [], [], []]);
    expect(host.inspect().links).toHaveLength(1);
    await expect.poll(() => sockets.inspect().connections, within).toBe(1);
  },
);

test(
  "[E-REAL-4] over a long road (50 ms each way) the flow is full, and a question waits for no flow",
  LONG,
  async () => {
    const { host, proxy, url } = await served({ delayMs: 50 });
    const ui = flowBus("ui");
    const { link } = await dial(ui, url);
    const { down, up } = await tallies(host, ui);
    const order: string[] = [];
    const count = 5_000;
    for (let n = 0; n < count; n += 1) {
      host.emit("flow:down", { n, pad: new Uint8Array(1_000) });
      ui.emit("flow:up", { n, pad: new Uint8Array(1_000) });
    }
    // 5 MB are on their way; the window is 1 MiB a round trip.
    const asked = ui.request("flow:ask", { n: 1 }).then(() => order.push("answer"));
    const flushed = Promise.all([host.flush(), ui.flush()]).then(() => order.push("flow"));
    await Promise.all([asked, flushed]);
    expect(order).toEqual(["answer", "flow"]);
    expect([down.heard, up.heard, down.faults, up.faults]).toEqual([count, count, [], []]);
    const isBack = reopened(link);
    for (let n = count; n < count + 100; n += 1) host.emit("flow:down", { n, pad: new Uint8Array(1_000) });
    await turn();
    proxy.cut();
    expect((await isBack).resumed).toBe(true);
    await host.flush();
    expect([down.heard, down.faults, down.missing]).toEqual([count + 100, [], []]);
  },
);

test("[E-REAL-5] away for longer than the session lives: a gap, then the tail", LONG, async () => {
  // A window of 60 s is 2 s here.
  const clock = quickClock(30);
  const { host, sockets, proxy, url } = await served({ clock });
  const ui = flowBus("ui", { clock });
  const { link } = await dial(ui, url);
  const { down, up } = await tallies(host, ui);
  let n = 0;
  const emit = (count: number): void => {
    for (const end = n + count; n < end; n += 1) {
      host.emit("flow:down", { n });
      ui.emit("flow:up", { n });
    }
  };
  emit(1_000);
  await Promise.all([host.flush(), ui.flush()]);
  const isBack = reopened(link);
  emit(1_000);
  proxy.hold();
  await turn();
  proxy.setDown(true);
  proxy.cut();
  await expect.poll(() => link.state.at, within).not.toBe("open");
  emit(1_000);
  await expect.poll(() => host.inspect().links.length, within).toBe(0);
  emit(1_000);
  proxy.setDown(false);
  expect((await isBack).resumed).toBe(false);
  await expect.poll(() => host.inspect().links[0]?.hears, within).toContain("flow:down");
  await link.ready;
  const tail = n;
  emit(1_000);
  await Promise.all([host.flush(), ui.flush()]);
  expect([down.faults, up.faults, down.next, up.next]).toEqual([[], [], n, n]);
  // Down: the session that counted is gone; the gap stands, without a number, before the first that comes again.
  expect(down.missing).toEqual([{ before: tail, by: 3_000, told: undefined }]);
  // Up: what was on its way is counted; what was never sent arrives.
  expect(up.missing).toEqual([{ before: 2_000, by: 1_000, told: 1_000 }]);
  expect([down.heard, up.heard]).toEqual([2_000, n - 1_000]);
  expect(sockets.inspect().connections).toBe(1);
});

test(
  "[E-REAL-11] clients and servers of two kinds in one process reconnect without touching each other",
  LONG,
  async () => {
    const pair = async (socket: { WebSocket?: WebSocketClass }) => {
      const stand = await served();
      const ui = flowBus("ui");
      const { link, states } = await dial(ui, stand.url, socket);
      return { ...stand, ui, link, states, ...(await tallies(stand.host, ui)) };
    };
    const [first, second] = [await pair(clients[0]![1]), await pair(clients[1]![1])];
    const pairs = [first, second];
    let n = 0;
    const emit = async (): Promise<void> => {
      for (const end = n + 1_000; n < end; n += 1) {
        for (const { host, ui } of pairs) {
          host.emit("flow:down", { n });
          ui.emit("flow:up", { n });
        }
        if (n % 50 === 0) await turn();
      }
    };
    const opened = () => pairs.map(({ proxy, states }) => [proxy.connections, states.length > 0]);
    for (const [broken, expected] of [
      [
        [first],
        [
          [2, true],
          [1, false],
        ],
      ],
      [
        [second],
        [
          [2, true],
          [2, true],
        ],
      ],
      [
        [first, second],
        [
          [3, true],
          [3, true],
        ],
      ],
    ] as const) {
      const back = broken.map(({ link }) => reopened(link));
      for (const { proxy } of broken) proxy.cutAfter(500);
      await emit();
      expect((await Promise.all(back)).map(({ resumed }) => resumed)).toEqual(broken.map(() => true));
      await Promise.all(pairs.flatMap(({ host, ui }) => [host.flush(), ui.flush()]));
      expect(opened()).toEqual(expected);
    }
    for (const { down, up, ui } of pairs) {
      expect([down.heard, up.heard, down.faults, up.faults, down.missing, up.missing]).toEqual([n, n, [], [], [], []]);
      expect(ui.faults).toEqual([]);
    }
  },
);
