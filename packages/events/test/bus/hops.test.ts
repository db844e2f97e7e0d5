import { expect, test } from "vitest";

import { chain } from "../cases/chain.ts";

test("[E-BUS-37] what was lost on the first hop is told two hops away, in its place", async () => {
  const { worker, ui, roads, settle, pass } = await chain();
  const heard: string[] = [];
  ui.on("run:told", ({ n }) => heard.push(String(n)), { onGap: ({ reason }) => heard.push(`gap: ${reason !== ""}`) });
  await settle();
  worker.emit("run:told", { n: 1 });
  await settle();
  roads.worker.setDown(true);
  worker.emit("run:told", { n: 2 });
  for (let turn = 0; turn < 5; turn++) await Promise.resolve(); // Its frame is on its way.
  roads.worker.cut();
  await pass(90_000);
  roads.worker.setDown(false);
  await pass(20_000);
  worker.emit("run:told", { n: 3 });
  await settle();
  expect(heard).toEqual(["1", "gap: true", "3"]);
  expect(ui.inspect().links[0]?.gaps).toHaveLength(1);
});

test("[E-BUS-37] a gap of events that do not come over the link is dropped and counted", async () => {
  const { host, ui, settle } = await chain();
  const gaps: unknown[] = [];
  host.on("run:told", () => undefined, { onGap: (gap) => gaps.push(gap) });
  await settle();
  const link = host.inspect().links.findIndex(({ peer }) => peer?.role === "ui");
  // A page tells of a loss of what only hosts and workers send.
  const forged = { t: "lost", lane: "main", from: 1, to: 1, reason: "", names: { "run:told": 1 } };
  (ui as unknown as { network: { links: Set<{ send(m: unknown): void }> } }).network.links.forEach((to) =>
    to.send(forged),
  );
  await settle();
  expect(gaps).toEqual([]);
  expect(host.inspect().links[link]?.violations).toEqual({ direction: 1 });
});
