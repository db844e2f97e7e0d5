import { expect, test } from "vitest";

import { fakeClock, faultyLink, seededRandom } from "../../src/testing/index.ts";
import { join, make } from "./join.ts";

/** A host, one page over a road that the test breaks, and one page that stands beside it. */
async function twoPages() {
  const clock = fakeClock();
  const options = { clock, random: seededRandom(3) };
  const host = make("host", options);
  const away = make("ui", options);
  const here = make("ui", options);
  const road = faultyLink({ accept: (transport) => void host.connect(transport).ready.catch(() => undefined) });
  away.connect(road.dialer);
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) {
      await Promise.resolve();
      road.flush();
    }
  };
  await settle();
  const heard: string[] = [];
  let n = 1;
  host.provide("run:state", () => ({ n }));
  const subscribe = () =>
    here.on("run:state", ({ n: value }, { snapshot }) => void heard.push(`${snapshot === true ? "=" : ""}${value}`), {
      since: "last",
    });
  const emit = () => host.emit("run:state", { n: ++n });
  return { host, here, road, settle, heard, subscribe, emit };
}

test("[E-BUS-52] a page that is gone and may come back holds up no start of another page", async () => {
  const { host, here, road, settle, heard, subscribe, emit } = await twoPages();
  road.setDown(true);
  road.cut();
  await join(host, here);
  const { ready } = subscribe();
  await settle();
  emit();
  await settle();
  await ready;
  expect(heard).toEqual(["=1", "2"]);
});

test("[E-BUS-52] nor does a page that sleeps, or goes while it is asked", async () => {
  const { host, here, road, settle, heard, subscribe, emit } = await twoPages();
  await join(host, here);
  road.stall();
  const { ready } = subscribe();
  const log = here.on("run:log", ({ n }) => void heard.push(`log ${n}`), { since: "last" });
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  emit();
  await settle();
  await ready;
  expect(heard).toEqual(["=1", "2"]);
  // Anybody may send this one, so the sleeping page is waited for until its road ends.
  road.setDown(true);
  road.cut();
  await settle();
  await log.ready;
  host.emit("run:log", { n: 3 });
  await settle();
  expect(heard).toEqual(["=1", "2", "log 3"]);
});
