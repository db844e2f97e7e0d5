import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";

import { command, defineContract, event, EventBus, type EmitOptions } from "../../src/index.ts";
import { join, settle } from "./join.ts";

const contract = defineContract("trees@1", {
  said: event(z.object({ n: z.number() })),
  ask: command(z.object({}), z.object({ by: z.number() })),
  other: event(z.object({ as: z.enum(["a", "b", "c"]) }), { from: ["a"], to: ["b", "c"] }),
});
const role = fc.constantFrom("a", "b", "c");
const bus = fc.record({ role, hears: fc.boolean(), parent: fc.nat() });
const way = fc.oneof(
  fc.record({ to: fc.nat(5), except: fc.option(fc.nat(5)) }),
  fc.record({ role, one: fc.boolean(), except: fc.option(fc.nat(5)) }),
);

test("[E-RTE-1, E-RTE-2, E-RTE-3] in any tree, an event reaches exactly those of its address who hear it; with `one` a single one of them, wherever the way is known", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(bus, { minLength: 2, maxLength: 6 }),
      fc.array(fc.record({ by: fc.nat(5), way }), { minLength: 1, maxLength: 12 }),
      async (tree, script) => {
        const codes = new Set<string>();
        const heard: number[][] = tree.map(() => []);
        const buses = tree.map(
          (each) =>
            new EventBus({
              contract,
              role: each.role,
              connect: false,
              onError: (fault) => codes.add((fault as { code: string }).code),
            }),
        );
        for (const [at, { parent }] of tree.entries()) {
          if (at === 0) continue;
          const up = parent % at;
          const trusts = (of: number) => ({ peer: { role: tree[of]!.role, routes: true } });
          await join(buses[up] as never, buses[at] as never, trusts(at), trusts(up));
        }
        for (const [at, { hears }] of tree.entries()) if (hears) buses[at]!.on("said", ({ n }) => heard[at]!.push(n));
        await settle();
        let lost = 0;
        for (const [n, { by, way: chosen }] of script.entries()) {
          const from = by % tree.length;
          const except =
            chosen.except === null || chosen.except === undefined ? undefined : chosen.except % tree.length;
          const isTo = (at: number): boolean =>
            at !== except && ("to" in chosen ? at === chosen.to % tree.length : tree[at]!.role === chosen.role);
          const isOne = "role" in chosen && chosen.one;
          const meant = tree.flatMap((_, at) => (isTo(at) && (!isOne || at !== from) ? [at] : []));
          const hearers = meant.filter((at) => tree[at]!.hears);
          const options: EmitOptions = {
            to: "to" in chosen ? { busId: buses[chosen.to % tree.length]!.id } : { role: chosen.role, one: chosen.one },
            ...(except === undefined ? {} : { except: buses[except]!.id }),
          };
          let code: string | undefined;
          try {
            buses[from]!.emit("said", { n }, options);
          } catch (fault) {
            ({ code } = fault as { code: string });
          }
          await settle();
          const got = heard.flatMap((all, at) => (all.includes(n) ? [at] : []));
          const now = buses.flatMap((each) => each.inspect().links).reduce((sum, link) => sum + link.lost, 0);
          // A bus in the middle may ask for it on behalf of somebody else: then it is told there.
          const wasTold = code === "NO_PEER" || now === lost + 1;
          const isOneOf = got.length === 1 ? hearers.includes(got[0]!) : got.length === 0 && wasTold;
          const isTheirs =
            got.join() === hearers.join() && now === lost && (code === "NO_PEER") === (meant.length === 0);
          expect({ got, hearers, code, isRight: isOne ? isOneOf : isTheirs }).toMatchObject({ isRight: true });
          lost = now;
        }
        for (const all of heard) expect(new Set(all).size).toBe(all.length);
        codes.delete("NO_PEER");
        expect([...codes]).toEqual([]);
        await Promise.all(buses.map((each) => each.close()));
      },
    ),
    { seed: 11, numRuns: 150 },
  );
}, 60_000);

test("[E-RTE-8, E-RTE-9] in any tree, a request is answered by the bus that it names, or by one of its role, or fails with the reason", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(bus, { minLength: 2, maxLength: 6 }),
      fc.array(fc.record({ by: fc.nat(5), to: fc.nat(5), isRole: fc.boolean() }), { minLength: 1, maxLength: 8 }),
      async (tree, script) => {
        const buses = tree.map(({ role: as }) => new EventBus({ contract, role: as, connect: false }));
        for (const [at, { parent }] of tree.entries()) {
          if (at === 0) continue;
          const up = parent % at;
          const trusts = (of: number) => ({ peer: { role: tree[of]!.role, routes: true } });
          await join(buses[up] as never, buses[at] as never, trusts(at), trusts(up));
        }
        const heard: number[] = [];
        for (const [at, { hears }] of tree.entries()) {
          buses[at]!.on("ask", () => heard.push(at));
          if (hears) buses[at]!.handle("ask", () => ({ by: at }));
        }
        await settle();
        for (const { by, to, isRole } of script) {
          heard.length = 0;
          const asking = buses[by % tree.length]!;
          const target = to % tree.length;
          const address = isRole ? { role: tree[target]!.role } : { busId: buses[target]!.id };
          const answer = await asking.request("ask", {}, { to: address, timeoutMs: 5_000 }).then(
            ({ by: who }) => who,
            ({ code }: { code: string }) => code,
          );
          await settle();
          const able = tree.flatMap(({ role: as, hears }, at) =>
            hears && (isRole ? as === tree[target]!.role : at === target) ? [at] : [],
          );
          const isAnswered = typeof answer === "number";
          // One of the role who does not handle it may stand in the way of others of it, behind another link.
          const isRight = isAnswered ? able.includes(answer) : answer === "NO_HANDLER" && (able.length === 0 || isRole);
          const areMeant = isAnswered
            ? heard.join() === `${answer}`
            : heard.every((at) => tree[at]!.role === tree[target]!.role);
          expect({ answer, able, heard, isRight, areMeant }).toMatchObject({ isRight: true, areMeant: true });
        }
        for (const each of buses) expect(each.inspect()).toMatchObject({ deadlines: 0, parkedRequests: 0 });
        await Promise.all(buses.map((each) => each.close()));
      },
    ),
    { seed: 12, numRuns: 150 },
  );
}, 60_000);
