import { expect, test } from "vitest";
import { z } from "zod";

import {
  command,
  defineContract,
  event,
  EventBus,
  memoryPair,
  type BusOptions,
  type ConnectPolicy,
} from "../../src/index.ts";

const Item = z.object({ n: z.number(), run: z.string().optional() });

const contract = defineContract("test@1", {
  "run:do": command(Item, Item, { from: ["ui"], to: ["host"], needs: "do:it" }),
  "run:told": event(Item, { from: ["host"], to: ["ui"] }),
  "run:log": event(Item),
  "run:right": event(Item, { from: ["ui"], to: ["host"], needs: "do:it" }),
});

function faulty(role: string, options: BusOptions = {}) {
  const faults: { code: string }[] = [];
  const bus = new EventBus({ contract, role, onError: (fault) => faults.push(fault as { code: string }), ...options });
  return { bus, faults };
}

type Bus = ReturnType<typeof faulty>["bus"];

async function join(a: Bus, b: Bus, atA: ConnectPolicy = {}, atB: ConnectPolicy = {}) {
  const [left, right] = memoryPair();
  const links = [a.connect(left, atA), b.connect(right, atB)] as const;
  await Promise.all(links.map((link) => link.ready));
  return links;
}

test("[E-BUS-20] what is emitted on one bus is heard on the other, in order", async () => {
  const host = faulty("host").bus;
  const ui = faulty("ui").bus;
  const heard: number[] = [];
  ui.on("run:told", ({ n }, { peer, origin }) => {
    heard.push(n);
    expect(peer?.role).toBe("host");
    expect(origin).toEqual({ busId: host.id, role: "host" });
  });
  await join(host, ui);
  for (const n of [1, 2, 3]) host.emit("run:told", { n });
  await host.flush();
  expect(heard).toEqual([1, 2, 3]);
});

test("[E-REQ-1] a request is answered by the other bus's handler, and its reply is the reply itself", async () => {
  const host = faulty("host").bus;
  const ui = faulty("ui").bus;
  host.handle("run:do", ({ n }, { peer }) => ({ n: n + (peer?.role === "ui" ? 1 : 0) }));
  await join(host, ui, { peer: { grants: ["do:it"] } });
  expect(await ui.request("run:do", { n: 1 })).toEqual({ n: 2 });
});
