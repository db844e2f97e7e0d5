import { expect, test } from "vitest";

import { EventsError } from "../../src/core/errors.ts";
import { SessionTable } from "../../src/session/table.ts";
import { fakeClock } from "../../src/testing/fake-clock.ts";
import { memoryPair } from "../../src/transports/memory.ts";
import { Side, openRoad, road } from "./sides.ts";

const MEDIA = ["bytes", "clone"] as const;

for (const medium of MEDIA) {
  test(`[E-SES-1] both sides open when each was welcomed and has welcomed (${medium})`, () => {
    const { a, b } = openRoad({ medium });
    expect([a.at, b.at]).toEqual(["open", "open"]);
    expect(a.hellos.map((hello) => hello.busId)).toEqual(["b"]);
    expect(b.session.peer).toMatchObject({ busId: "a", role: "role of a" });
    expect(b.states).toEqual([{ at: "open", since: 1_000_000, resumed: false }]);
  });

  test(`[E-SES-2] what is sent before the handshake is done waits and arrives in order (${medium})`, () => {
    const { a, b, settle } = road({ medium });
    a.emit(1);
    a.session.send({ t: "sub", id: 1, as: "hear", pattern: "*", where: { id: 7 }, since: "last" }, "main");
    a.emit(2);
    settle();
    expect(b.data).toEqual([1, 2]);
    expect(b.messages).toEqual([{ t: "sub", id: 1, as: "hear", pattern: "*", where: { id: 7 }, since: "last" }]);
  });
}

test("[E-SES-3] a refused HELLO ends both sides with the error that refused it, and nobody dials again", () => {
  const world = road();
  world.b.refuse = new EventsError("CONTRACT_MISMATCH", "Cannot connect: runtime@1 differs; ours is 12, theirs 34", {
    ours: "12",
  });
  world.settle();
  world.pass(60_000);
  expect([world.a.why?.code, world.b.why?.code]).toEqual(["CONTRACT_MISMATCH", "CONTRACT_MISMATCH"]);
  expect(world.a.why?.message).toContain("theirs 34");
  expect(world.a.why?.details).toEqual({ ours: "12" });
  expect([world.link.dials, world.clock.pendingTimers]).toEqual([1, 0]);
});

for (const medium of MEDIA) {
  test(`[E-SES-3] a refusal arrives also when its details cannot cross (${medium})`, () => {
    let deep: unknown = 1;
    for (let i = 0; i < 50; i++) deep = { deep };
    for (const details of [{ hash: () => 1 }, { deep }, { much: "x".repeat(1e6) }, { when: new Date(0) }]) {
      const { b, a, settle } = road({ medium });
      b.refuse = new EventsError("CONTRACT_MISMATCH", "Cannot connect: runtime@1 differs", details);
      settle();
      expect([a.why?.code, a.why?.details, b.why?.code]).toEqual(["CONTRACT_MISMATCH", {}, "CONTRACT_MISMATCH"]);
    }
  });
}

test("[E-SES-4] a peer of another wire version is refused with both versions named", () => {
  const clock = fakeClock({ manualTicks: true });
  const pair = memoryPair({ manual: true });
  const side = new Side("a", pair[0], clock);
  const heard: unknown[] = [];
  const raw = pair[1].open({ onOpen() {}, onFrame: (frame) => heard.push(frame), onDrain() {}, onClose() {} });
  pair.flush();
  raw.send([1, 0, 0, 0, 0, { v: 7 }]);
  pair.flush();
  expect(side.why?.code).toBe("VERSION_MISMATCH");
  expect(side.why?.message).toMatch(/version 7.*this side 1/);
  expect(heard.find((frame) => (frame as unknown[])[0] === 4)).toMatchObject([
    4,
    0,
    0,
    0,
    0,
    { code: "VERSION_MISMATCH" },
  ]);
});

test("[E-SES-5] HELLO is repeated until the other side is there, and given up at the handshake limit", () => {
  const clock = fakeClock({ manualTicks: true });
  const late = memoryPair({ manual: true });
  const first = new Side("a", late[0], clock);
  late.flush();
  clock.advance(20_000);
  const second = new Side("b", late[1], clock);
  late.flush();
  expect([first.at, second.at]).toEqual(["open", "open"]);

  const lonely = memoryPair({ manual: true });
  const waiting = new Side("a", lonely[0], clock);
  lonely.flush();
  clock.advance(59_000);
  expect(waiting.at).toBe("dialing");
  clock.advance(2_000);
  lonely.flush();
  expect(waiting.why?.code).toBe("LINK_LOST");
  expect(waiting.why?.message).toMatch(/no handshake within \d+ ms; see that the other side connects a bus/);
});

test("[E-SES-6] an accepted connection that says nothing is closed at the handshake limit", () => {
  const clock = fakeClock({ manualTicks: true });
  const silent = { name: "silent", medium: "bytes" as const, redials: false };
  let closed = 0;
  const side = new Side(
    "b",
    {
      ...silent,
      open(events) {
        events.onOpen();
        return { send: () => true, close: () => closed++ };
      },
    },
    clock,
    { sessions: new SessionTable() },
  );
  clock.advance(11_000);
  expect([side.at, closed, clock.pendingTimers]).toEqual(["closed", 1, 0]);
});

test("[E-SES-7] close says goodbye: the other side ends at once with the reason, no timer stays", () => {
  const { a, b, settle, clock, table } = openRoad();
  a.emit("last words");
  a.session.close("the window closes");
  a.session.close("again");
  settle();
  expect(b.data).toEqual(["last words"]);
  expect(a.why?.code).toBe("CLOSED");
  expect(b.why?.message).toContain("the window closes");
  expect([clock.pendingTimers, table.size]).toEqual([0, 0]);
  expect([a, b].map((side) => side.states.filter((state) => state.at === "closed").length)).toEqual([1, 1]);
});

test("[E-SES-8] the end of a port ends the session at once: there is nothing to wait for", async () => {
  const clock = fakeClock({ manualTicks: true });
  const pair = memoryPair({ manual: true });
  const [a, b] = [new Side("a", pair[0], clock), new Side("b", pair[1], clock)];
  for (let moved = 1; moved > 0;) moved = clock.endTick() + pair.flush();
  a.emit("never acknowledged");
  const flushed = a.session.flush();
  // The port itself, as when its process ends: no goodbye of the session.
  (pair[1] as unknown as { close(reason: string): void }).close("crash");
  pair.flush();
  expect([a.why?.code, b.at]).toEqual(["LINK_LOST", "closed"]);
  await expect(flushed).rejects.toMatchObject({ code: "LINK_LOST" });
  await expect(a.session.flush()).rejects.toMatchObject({ code: "LINK_LOST" });
  expect(clock.pendingTimers).toBe(0);
});

test("[E-SES-9] a peer that begins anew on the same port is a new session: old interest is gone, a gap says so", () => {
  const clock = fakeClock({ manualTicks: true });
  const pair = memoryPair({ manual: true });
  const settle = (): void => {
    for (let moved = 1; moved > 0;) moved = clock.endTick() + pair.flush();
  };
  const a = new Side("a", pair[0], clock);
  const heard: unknown[][] = [];
  const raw = pair[1].open({
    onOpen() {},
    onFrame: (frame) => heard.push(frame as unknown[]),
    onDrain() {},
    onClose() {},
  });
  const hello = (epoch: string): void => {
    const words = {
      v: 1,
      bus: "page",
      role: "ui",
      contracts: [],
      names: [],
      behind: [],
      epoch,
      link: "l",
      redials: false,
    };
    raw.send([1, 0, 0, 0, 0, { ...words, first: 0, window: [9e5, 9e5, 9e5], message: 1e6, frames: 1e4 }]);
    raw.send([2, 0, 0, 0, 0, {}]);
    settle();
  };
  settle();
  hello("first");
  expect(a.at).toBe("open");
  raw.send([5, 0, 1, 0, 0xffffffff, [1, 0, "*", null, null]]);
  settle();
  expect(a.messages).toHaveLength(1);
  hello("second");
  // It answers with a HELLO and a WELCOME of its own again, and is open once more.
  expect(a.states.map((state) => state.at)).toEqual(["open", "dialing", "open"]);
  expect(a.hellos).toHaveLength(2);
  expect(a.gaps.map((gap) => gap.lane)).toEqual(["control", "main", "bulk"]);
});
