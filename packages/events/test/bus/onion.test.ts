import fc from "fast-check";
import { expect, test } from "vitest";

import type { Passing } from "../../src/bus/event-bus.ts";
import { Onion } from "../../src/bus/onion.ts";

/** What one layer does with one message. */
const act = fc.constantFrom("pass", "await, pass", "pass, await", "stop", "await, stop", "throw", "reject");

const turns = (count: number): Promise<void> =>
  count === 0 ? Promise.resolve() : Promise.resolve().then(() => turns(count - 1));

test("[E-MID-11] whatever its layers do, an onion hands messages on in their order, each once or never, and tells of each that it stops", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ acts: fc.tuple(act, act, act), pause: fc.nat(3), mark: fc.boolean() }), { maxLength: 25 }),
      async (script) => {
        const onion = new Onion("in", 1_000);
        const around: number[][] = [[], [], []];
        for (const layer of [0, 1, 2]) {
          onion.add({
            async in({ data }, next) {
              const what = script[data as number]!.acts[layer];
              if (what?.startsWith("await")) await turns(3);
              if (what === "throw" || what === "reject") throw new Error("of a layer");
              if (what === "await, stop" || what === "stop") return;
              around[layer]!.push(data as number);
              await next();
              if (what === "pass, await") await turns(2);
            },
          });
        }
        const told: string[] = [];
        for (const [at, { pause, mark }] of script.entries()) {
          const message: Passing = {
            kind: "event",
            name: "x",
            data: at,
            meta: { name: "x", origin: { busId: "", role: "" } },
          };
          onion.pass(
            message,
            ({ data }) => told.push(`core ${data as number}`),
            () => told.push(`stopped ${at}`),
          );
          if (mark) onion.after(() => told.push(`mark ${at}`));
          await turns(pause);
        }
        while (
          !onion.isIdle &&
          (onion.waiting > 0 || told.filter((line) => !line.startsWith("mark")).length < script.length)
        )
          await turns(1);
        await turns(10);
        const stops = new Set(["stop", "await, stop", "throw", "reject"]);
        const expected = script.flatMap(({ acts, mark }, at) => [
          `${acts.some((each) => stops.has(each)) ? "stopped" : "core"} ${at}`,
          ...(mark ? [`mark ${at}`] : []),
        ]);
        expect(told).toEqual(expected);
        for (const seen of around) expect(seen).toEqual(seen.toSorted((a, b) => a - b));
      },
    ),
    { seed: 7, numRuns: 200 },
  );
});

test("[E-MID-12] an event that a layer holds back without awaiting passes when it is let go, and its faults are told; a request does not", () => {
  const onion = new Onion("in", 10);
  const held: (() => unknown)[] = [];
  onion.add({ in: (_message, next) => void held.push(next) });
  const told: unknown[] = [];
  for (const kind of ["event", "request"] as const) {
    const message: Passing = { kind, name: kind, data: 1, meta: { name: kind, origin: { busId: "", role: "" } } };
    onion.pass(
      message,
      () => {
        told.push(`core ${kind}`);
        throw new Error("of the core");
      },
      (fault) => told.push(fault === undefined ? `stopped ${kind}` : (fault as Error).message),
    );
  }
  for (const next of held) next();
  expect(told).toEqual(["stopped event", "stopped request", "core event", "of the core"]);
});
