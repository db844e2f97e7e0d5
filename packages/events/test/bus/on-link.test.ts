import { expect, test } from "vitest";

import { memoryPair } from "../../src/index.ts";
import { fakeClock, faultyLink } from "../../src/testing/index.ts";
import { join, make, settle } from "./join.ts";

test("[E-BUS-38] onLink tells each link as it is, then each change, until it is stopped; a fault of one hearer is its own", async () => {
  const clock = fakeClock();
  const host = make("host", { clock });
  const ui = make("ui", { clock });
  const road = faultyLink({ accept: (transport) => void host.connect(transport).ready.catch(() => undefined) });
  const run = async (): Promise<void> => {
    for (let quiet = 0; quiet < 3;) {
      await settle();
      quiet = road.flush() === 0 ? quiet + 1 : 0;
    }
  };
  const early: string[] = [];
  const stop = ui.onLink(({ at }) => early.push(at));
  ui.onLink(() => {
    throw new Error("of the hearer");
  });
  const link = ui.connect(road.dialer);
  await run();
  const late: string[] = [];
  ui.onLink((state, of) => late.push(`${state.at} ${of === link}`));
  road.cut();
  await run();
  for (let i = 0; i < 10; i++) {
    clock.advance(500);
    await run();
  }
  stop();
  link.close("enough");
  await run();
  expect(early).toEqual(["dialing", "open", "waiting", "dialing", "open"]);
  expect(late).toEqual(["open true", "waiting true", "dialing true", "open true", "closed true"]);
  expect(new Set(ui.faults.map(({ message }) => message))).toEqual(new Set(["of the hearer"]));
  await ui.close();
  expect(() => ui.onLink(() => undefined)).toThrow(expect.objectContaining({ code: "CLOSED" }));
});

test("[E-BUS-38] a refused link is told too", async () => {
  const host = make("host");
  const ui = make("ui");
  await join(host, ui);
  const states: string[] = [];
  ui.onLink((state) => states.push(state.at));
  const [left, right] = memoryPair();
  host.connect(left);
  const second = ui.connect(right);
  await expect(second.ready).rejects.toMatchObject({ code: "DUPLICATE_LINK" });
  expect(states).toEqual(["open", "dialing", "closed"]);
});
