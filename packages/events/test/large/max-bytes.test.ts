import { expect, test } from "vitest";
import { z } from "zod";

import { command, defineContract, event, EventBus, memoryPair } from "../../src/index.ts";
import { settle } from "../bus/join.ts";

const Data = z.object({ data: z.instanceof(Uint8Array) });
const MIB = 1_048_576;
const contract = defineContract("big@1", {
  "big:told": event(Data, { from: ["host"], to: ["ui"], maxBytes: 24 * MIB }),
  "big:asked": command(Data, Data, { from: ["ui"], to: ["host"], maxBytes: 24 * MIB }),
  "big:usual": event(Data, { from: ["host"], to: ["ui"] }),
});

test("[E-BIG-2] an event's own maxBytes above 16 MiB holds without limits raised elsewhere; the others keep theirs", async () => {
  const faults: { code?: string }[] = [];
  const host = new EventBus({ contract, role: "host", onError: (fault) => faults.push(fault as never) });
  const ui = new EventBus({ contract, role: "ui", onError: (fault) => faults.push(fault as never) });
  const [a, b] = memoryPair();
  host.connect(a, { peer: { role: "ui" } });
  const link = ui.connect(b, { peer: { role: "host" } });
  const sizes: number[] = [];
  ui.on("big:*", ({ data }) => void sizes.push(data.byteLength));
  await host.handle("big:asked", ({ data }) => ({ data })).ready;
  await link.ready;
  await settle();
  const data = new Uint8Array(20 * MIB);
  host.emit("big:told", { data });
  await host.flush();
  expect((await ui.request("big:asked", { data })).data.byteLength).toBe(20 * MIB);
  expect(faults).toEqual([]);
  host.emit("big:usual", { data });
  host.emit("big:told", { data: new Uint8Array(25 * MIB) });
  await settle();
  expect(faults.map(({ code }) => code)).toEqual(["LIMIT", "LIMIT"]);
  expect(sizes).toEqual([20 * MIB, 20 * MIB]);
});
