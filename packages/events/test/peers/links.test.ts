import { once } from "node:events";
import { MessageChannel, Worker } from "node:worker_threads";

import { expect, test } from "vitest";

import { EventBus, portTransport, workerTransport } from "../../src/index.ts";
import { faultyLink } from "../../src/testing/index.ts";
import { table } from "./fixtures/table.ts";
import { pages, transcript } from "./pages.ts";

test("[E-MOD-21] a request to a worker that dies, and to one that is dead, ends", async () => {
  const worker = new Worker(new URL("./fixtures/silent-worker.ts", import.meta.url));
  const ui = new EventBus({ contract: table, role: "ui", connect: false, onError: () => undefined });
  const link = ui.connect(workerTransport(worker), { peer: { role: "host" } });
  const isTaken = ui.next("told");
  const open = ui.request("do", { n: 1 });
  const outcome = open.catch((fault: { code: string }) => fault.code);
  await isTaken;
  await worker.terminate();
  expect(await outcome).toBe("OUTCOME_UNKNOWN");
  await expect(ui.request("do", { n: 2 })).rejects.toMatchObject({ code: "NO_HANDLER" });
  expect(link.state.at).toBe("closed");
  ui.connect(workerTransport(worker));
  await expect(ui.request("do", { n: 3 })).rejects.toMatchObject({ code: "NO_HANDLER" });
  expect(ui.inspect()).toMatchObject({ links: [], deadlines: 0 });
  await ui.close();
});

test("[E-MOD-22] the end of page 1 ends neither page 12 nor any other", async () => {
  const { host, all, settle } = pages(12);
  const heard = all.map(({ ui }) => {
    const each = transcript();
    ui.on("told", each.hear);
    return each.heard;
  });
  await settle();
  all[0]!.link.close("it goes to another page");
  await settle();
  host.emit("told", { n: 1 });
  await settle();
  expect(heard).toEqual([[], ...Array.from({ length: 11 }, () => [1])]);
  expect(host.inspect().links).toHaveLength(11);
});

test("[E-MOD-23] connections of different kinds in one process do not touch each other, whichever reconnects or ends", async () => {
  const host = new EventBus({ contract: table, role: "host", connect: false, onError: () => undefined });
  const make = () => new EventBus({ contract: table, role: "ui", connect: false, onError: () => undefined });
  const [near, far] = [make(), make()];
  const { port1, port2 } = new MessageChannel();
  host.connect(portTransport(port1));
  near.connect(portTransport(port2));
  const road = faultyLink({ medium: "bytes", accept: (transport) => void host.connect(transport) });
  const link = far.connect(road.dialer);
  const moved = async (isDone: () => boolean): Promise<void> => {
    await expect.poll(() => (road.flush(), isDone()), { timeout: 5_000, interval: 5 }).toBe(true);
  };
  const heard = [near, far].map((bus) => {
    const each = transcript();
    bus.on("told", each.hear);
    return each.heard;
  });
  await moved(() => host.inspect().links.filter(({ hears }) => hears.includes("told")).length === 2);
  host.emit("told", { n: 1 });
  road.cut();
  host.emit("told", { n: 2 });
  await moved(() => link.state.at === "open" && link.state.resumed && heard[0]!.length === 2 && heard[1]!.length === 2);
  const isClosed = once(port1, "close");
  await near.close();
  await isClosed;
  host.emit("told", { n: 3 });
  await moved(() => heard[1]!.length === 3);
  expect(heard).toEqual([
    [1, 2],
    [1, 2, 3],
  ]);
  await Promise.all([host.close(), far.close()]);
});
