import { expect, test } from "vitest";
import { z } from "zod";

import { defineContract, event, EventBus, memoryPair } from "../../src/index.ts";

const told = { from: ["host"], to: ["ui"] } as const;
const contract = defineContract("rights@1", {
  "work:open": event(z.object({ n: z.number() }), told),
  "work:secret": event(z.object({ n: z.number() }), { ...told, needsToHear: "read:work" }),
  "work:state": event(z.object({ n: z.number() }), { ...told, needsToHear: "read:work", delivery: "latest" }),
});

async function joined(grants: string[]) {
  const faults: unknown[] = [];
  const host = new EventBus({ contract, role: "host", onError: (fault) => faults.push(fault) });
  const page = new EventBus({ contract, role: "ui", onError: (fault) => faults.push(fault) });
  const [a, b] = memoryPair();
  host.connect(a, { peer: { role: "ui", grants } });
  await page.connect(b).ready;
  return { host, page, faults, end: () => Promise.all([host.close(), page.close()]) };
}

test("[E-PERM-11] what needs a right to be heard reaches only peers that were granted it", async () => {
  for (const [grants, names] of [
    [[], ["work:open"]],
    [["read:work"], ["work:open", "work:secret", "work:state"]],
    [["*"], ["work:open", "work:secret", "work:state"]],
  ] as const) {
    const { host, page, end } = await joined([...grants]);
    const heard: string[] = [];
    await page.on("work:*", (_data, { name }) => heard.push(name)).ready;
    for (const name of ["work:open", "work:secret", "work:state"] as const) host.emit(name, { n: 1 });
    await host.flush();
    expect(heard.toSorted()).toEqual(names);
    await end();
  }
});

test("[E-PERM-11] a name that the peer may not hear is refused: ready rejects with DENIED, and onError is told", async () => {
  const { host, page, faults, end } = await joined([]);
  const subscription = page.on("work:secret", () => {});
  await expect(subscription.ready).rejects.toMatchObject({ code: "DENIED", details: { right: "read:work" } });
  expect(faults).toEqual([expect.objectContaining({ code: "DENIED" })]);
  host.emit("work:secret", { n: 1 });
  await end();
});

test("[E-PERM-11] snapshots and last values need the right as well", async () => {
  const { host, page, end } = await joined([]);
  let asked = 0;
  host.provide("work:secret", () => (asked++, { n: 1 }));
  host.emit("work:state", { n: 2 });
  const heard: unknown[] = [];
  await page.on("work:*", (data) => heard.push(data), { since: "last" }).ready;
  await host.flush();
  expect([heard, asked]).toEqual([[], 0]);
  await end();
});

test("[E-PERM-11] a host that passes interest on to peers that never send the event is not refused by them", async () => {
  const { host, page, faults, end } = await joined(["read:work"]);
  const hostFaults: unknown[] = [];
  const other = new EventBus({ contract, role: "ui", onError: (fault) => hostFaults.push(fault) });
  const [a, b] = memoryPair();
  host.connect(a, { peer: { role: "ui", grants: ["read:work"] } });
  await other.connect(b).ready;
  const heard: unknown[] = [];
  await page.on("work:secret", (data) => heard.push(data)).ready;
  await other.on("work:secret", (data) => heard.push(data)).ready;
  host.emit("work:secret", { n: 1 });
  await host.flush();
  expect([heard.length, faults, hostFaults]).toEqual([2, [], []]);
  await Promise.all([end(), other.close()]);
});
