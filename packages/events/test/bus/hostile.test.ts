import { expect, test } from "vitest";
import { z } from "zod";

import { command, defineContract, event, EventBus, type EventsError } from "../../src/index.ts";
import { barePeer } from "./bare-peer.ts";
import { contract, join, make, settle } from "./join.ts";

test("[E-PERM-8] a replay mark, an unasked snapshot and our own origin are forged: dropped and counted", async () => {
  const host = make("host");
  host.on("*", () => expect.unreachable());
  const { event: say, session } = await barePeer(host);
  say("run:log", { n: 1 }, { replayed: true });
  say("run:log", { n: 2 }, { snapshot: true });
  say("run:log", { n: 3 }, { origin: { busId: host.id, role: "host" } });
  say("run:log", { n: 4 }, { sub: 77, snapshot: true });
  say("run:log", { n: 5 }, { sub: 1, snapshot: true });
  // A cursor that is none, for a subscription that is there.
  session.send({ t: "suback", id: 1, cursor: "yesterday" }, "main");
  await settle();
  expect(host.inspect().links[0]?.violations).toEqual({ protocol: 4 });
});

test("[E-PERM-8] a forged origin changes neither role nor rights nor who is named", async () => {
  const host = make("host");
  const heard: unknown[] = [];
  host.on("*", (_data, { origin, peer }) => heard.push([origin.busId, origin.role, peer?.role]));
  const { event: say } = await barePeer(host);
  say("run:told", { n: 1 }, { origin: { busId: "other", role: "worker" } });
  say("run:private", { n: 1 }, { origin: { busId: "other", role: "host" } });
  say("run:log", { n: 1 }, { origin: { busId: "other", role: "host" } });
  await settle();
  expect(heard).toEqual([["stranger", "ui", "ui"]]);
  expect(host.inspect().links[0]?.violations).toEqual({ direction: 1, denied: 1 });
});

test("[E-PERM-8] buses that a peer without that right claims to reach are not believed", async () => {
  const host = make("host");
  const { session, said } = await barePeer(host);
  const ui = make("ui");
  session.send({ t: "behind", added: [{ busId: ui.id, role: "ui" }], removed: [] }, "control");
  await settle();
  await join(host, ui);
  expect(host.inspect().links.map(({ behind }) => behind)).toEqual([[], []]);
  expect(said.some((message) => message.t === "behind")).toBe(true);
});

test("[E-PERM-9] subscriptions of one link are bounded, and one that is malformed is answered", async () => {
  const host = make("host", { limits: { subscriptions: 3 } });
  const { session, said } = await barePeer(host);
  for (let id = 1; id <= 5; id++) session.send({ t: "sub", id, as: "hear", pattern: "run:told" }, "control");
  session.send({ t: "unsub", id: 1 }, "control");
  session.send({ t: "sub", id: 2, as: "hear", pattern: "run:log" }, "control");
  session.send({ t: "sub", id: 9, as: "hear", pattern: "run:told", where: { n: {} } }, "control");
  await settle();
  const refused = said.filter((message) => message.t === "suback" && message.error !== undefined);
  expect(refused.map((message) => (message as { id: number }).id)).toEqual([4, 5, 2, 9]);
  expect(host.inspect().links[0]).toMatchObject({ hears: ["run:told", "run:told"], violations: { "too-many": 2 } });
});

test("[E-PERM-9] answers to requests that were never made, and cancels of nothing, change nothing", async () => {
  const host = make("host");
  const { session } = await barePeer(host);
  for (const id of [0, 1, 2 ** 31]) {
    session.send({ t: "reply", id, data: 1 }, "control");
    session.send({ t: "error", id, error: { code: "x", message: "y" } }, "control");
    session.send({ t: "progress", id, data: 1 }, "control");
    session.send({ t: "cancel", id }, "control");
    session.send({ t: "unsub", id }, "control");
    session.send({ t: "suback", id }, "control");
  }
  await settle();
  expect(host.inspect().links).toHaveLength(1);
  expect(host.faults).toEqual([]);
});

test("[E-PERM-9] one request number used twice at once is answered with an error, and the first one lives", async () => {
  const host = make("host");
  let starts = 0;
  host.handle("run:ask", () => {
    starts += 1;
    return new Promise(() => undefined);
  });
  const { session, said } = await barePeer(host);
  for (let i = 0; i < 2; i++) {
    session.send({ t: "request", id: 5, name: "run:ask", data: { n: 1 }, timeoutMs: 1e12 }, "control");
  }
  await settle();
  expect(starts).toBe(1);
  expect(said).toContainEqual(
    expect.objectContaining({ t: "error", id: 5, error: expect.objectContaining({ code: "LIMIT" }) }),
  );
  await host.close();
});

test("[E-PERM-10] a handler of a name outside the common contracts is not announced, and breaks nothing", async () => {
  const extra = defineContract("more@1", { "more:do": command(z.number(), z.number()), "more:log": event(z.number()) });
  const host = new EventBus({
    contracts: [contract, extra],
    role: "host",
    onError: (fault) => faults.push(fault as EventsError),
  });
  const faults: EventsError[] = [];
  const ui = make("ui");
  host.handle("more:do", (n) => n);
  const heard = host.on("more:log", () => undefined);
  await join(host, ui);
  await heard.ready;
  host.on("more:log", () => undefined)();
  await settle();
  expect(ui.inspect().links[0]).toMatchObject({ handles: [], hears: [], violations: {} });
  expect([faults, ui.faults]).toEqual([[], []]);
});
