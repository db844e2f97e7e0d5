/** Pools over memory pairs, on a clock that is held: who gets what, and how each wait ends. */
import { expect, test } from "vitest";
import { z } from "zod";

import { command, defineContract, event, EventBus, memoryPair } from "../../src/index.ts";
import { pool, type PoolMember, type PoolOptions } from "../../src/pool/pool.ts";
import { fakeClock, faultyLink, type FaultyLink } from "../../src/testing/index.ts";

const Job = z.object({ n: z.number(), key: z.string().optional() });
const contract = defineContract("jobs@1", {
  "job:do": command(Job, z.object({ by: z.number() }), { from: ["boss"], to: ["hand"] }),
  "job:again": command(Job, z.object({ by: z.number() }), { from: ["boss"], to: ["hand"], idempotent: true }),
  "job:tell": event(Job, { from: ["boss"], to: ["hand"] }),
  "job:told": event(Job, { from: ["hand"], to: ["boss"] }),
});

interface Hand {
  readonly number: number;
  readonly heard: number[];
  readonly keys: (string | undefined)[];
  /** Answers the oldest open job. */
  answer(): void;
  die(): void;
  emit(n: number): void;
  isEnded: boolean;
  open: number;
}

function world(options: Partial<PoolOptions> = {}) {
  const clock = fakeClock();
  const hands: Hand[] = [];
  const faults: unknown[] = [];
  const start = (): PoolMember => {
    const [near, far] = memoryPair();
    const bus = new EventBus({ contract, role: "hand", clock, onError() {} });
    const answers: (() => void)[] = [];
    const hand: Hand = {
      number: hands.length,
      heard: [],
      keys: [],
      answer: () => answers.shift()!(),
      die: () => link.close("it died"),
      emit: (n) => bus.emit("job:told", { n }),
      isEnded: false,
      open: 0,
    };
    for (const name of ["job:do", "job:again"] as const) {
      bus.handle(name, ({ key }, { signal }) => {
        hand.keys.push(key);
        hand.open++;
        signal.addEventListener("abort", () => hand.open--);
        return new Promise((resolve) => {
          answers.push(() => {
            hand.open--;
            resolve({ by: hand.number });
          });
        });
      });
    }
    bus.on("job:tell", ({ n }) => hand.heard.push(n));
    const link = bus.connect(far, { peer: { role: "boss" } });
    hands.push(hand);
    return {
      transport: near,
      async terminate() {
        hand.isEnded = true;
        await bus.close();
      },
    };
  };
  const boss = pool(start, {
    contract,
    role: "boss",
    size: 2,
    clock,
    onError: (fault) => faults.push(fault),
    ...options,
  });
  const opens = (): number[] => hands.map((hand) => hand.open);
  return { boss, clock, hands, faults, opens };
}

const settled = { timeout: 5_000, interval: 1 };

test("[E-POOL-1] members are started when there is work for them, and requests go to the one with the fewest open", async () => {
  const { boss, hands, opens } = world({ size: 3, requestsPerMember: 2 });
  expect([hands.length, boss.inspect().members.map(({ state }) => state)]).toEqual([
    0,
    ["stopped", "stopped", "stopped"],
  ]);
  const first = boss.request("job:do", { n: 1 });
  await expect.poll(opens, settled).toEqual([1]);
  hands[0]!.answer();
  expect(await first).toEqual({ by: 0 });
  const six = Array.from({ length: 6 }, (_, n) => boss.request("job:do", { n }));
  await expect.poll(opens, settled).toEqual([2, 2, 2]);
  for (const hand of hands) {
    hand.answer();
    hand.answer();
  }
  const by = (await Promise.all(six)).map((reply) => reply.by);
  expect(by.toSorted((a, b) => a - b)).toEqual([0, 0, 1, 1, 2, 2]);
  expect(boss.inspect().members.map(({ served, openRequests }) => [served, openRequests])).toEqual([
    [3, 0],
    [2, 0],
    [2, 0],
  ]);
  await boss.close();
  expect(hands.every(({ isEnded }) => isEnded)).toBe(true);
});

test("[E-POOL-2] one key stays on one member, also when that is replaced; others go past what waits for it", async () => {
  const { boss, hands, opens } = world({ size: 4, key: (_name, { key }: { key?: string }) => key });
  const ask = (key: string) => boss.request("job:do", { n: 1, key });
  const all = Promise.all(["a", "a", "a"].map(ask));
  await expect.poll(opens, settled).toEqual([1]);
  expect(boss.inspect().waiting).toBe(2);
  const other = boss.request("job:do", { n: 2 });
  await expect.poll(opens, settled).toEqual([1, 1]);
  hands[1]!.answer();
  expect(await other).toEqual({ by: 1 });
  for (let n = 0; n < 3; n++) {
    await expect.poll(() => hands[0]!.open, settled).toBe(1);
    hands[0]!.answer();
  }
  expect(await all).toEqual([{ by: 0 }, { by: 0 }, { by: 0 }]);
  const place = boss.inspect().members.findIndex(({ served }) => served === 3);
  hands[0]!.die();
  await expect.poll(() => boss.inspect().members[place]!.state, settled).toBe("stopped");
  const again = ask("a");
  await expect.poll(() => hands[2]?.open, settled).toBe(1);
  hands[2]!.answer();
  expect(await again).toEqual({ by: 2 });
  expect(boss.inspect().members[place]).toMatchObject({ starts: 2, served: 4 });
  await boss.close();
});

test("[E-POOL-3] when a member dies its requests are OUTCOME_UNKNOWN, idempotent ones are asked once more, and what waited is untouched", async () => {
  const { boss, hands, opens } = world({ size: 1, requestsPerMember: 2 });
  const lost = boss.request("job:do", { n: 1 }).catch((fault: { code: string }) => fault.code);
  const again = boss.request("job:again", { n: 2 });
  const waits = boss.request("job:do", { n: 3 });
  await expect.poll(opens, settled).toEqual([2]);
  hands[0]!.die();
  expect(await lost).toBe("OUTCOME_UNKNOWN");
  await expect.poll(() => hands[1]?.open, settled).toBe(2);
  expect(hands[0]!.isEnded).toBe(true);
  hands[1]!.answer();
  expect(await waits).toEqual({ by: 1 });
  // It ended two members: the second time it is told.
  const twice = again.catch((fault: { code: string }) => fault.code);
  hands[1]!.die();
  expect(await twice).toBe("OUTCOME_UNKNOWN");
  expect(boss.inspect()).toMatchObject({ waiting: 0 });
  await boss.close();
});

test("[E-POOL-4] what waits is bounded, and every wait ends: deadline, cancel, close", async () => {
  const { boss, hands, clock, opens } = world({ size: 1, waiting: 3 });
  const code = (asked: Promise<unknown>) =>
    asked.then(
      () => "answered",
      (fault: { code: string }) => fault.code,
    );
  const runs = code(boss.request("job:do", { n: 1 }));
  await expect.poll(opens, settled).toEqual([1]);
  const cancel = new AbortController();
  const cancelled = code(boss.request("job:do", { n: 2 }, { signal: cancel.signal }));
  const late = code(boss.request("job:do", { n: 3 }, { timeoutMs: 50 }));
  const left = code(boss.request("job:do", { n: 4 }, { timeoutMs: Infinity }));
  expect(boss.inspect().waiting).toBe(3);
  expect(await code(boss.request("job:do", { n: 5 }))).toBe("QUEUE_FULL");
  cancel.abort();
  expect(await cancelled).toBe("CANCELLED");
  expect(await code(boss.request("job:do", { n: 6 }, { signal: cancel.signal }))).toBe("CANCELLED");
  clock.advance(50);
  expect(await late).toBe("TIMEOUT");
  expect(boss.inspect().waiting).toBe(1);
  await boss.close();
  expect(await Promise.all([runs, left])).toEqual(["CLOSED", "CLOSED"]);
  expect(await code(boss.request("job:do", { n: 7 }))).toBe("CLOSED");
  expect(() => boss.emit("job:tell", { n: 8 })).toThrow(expect.objectContaining({ code: "CLOSED" }));
  expect([hands[0]!.isEnded, clock.pendingTimers]).toEqual([true, 0]);
});

test("[E-POOL-4] a member that is started while the pool closes is ended before `close` resolves", async () => {
  let give!: (member: PoolMember) => void;
  const boss = pool(() => new Promise<PoolMember>((resolve) => (give = resolve)), {
    contract,
    role: "boss",
    size: 1,
    clock: fakeClock(),
  });
  const asked = boss.request("job:do", { n: 1 }).catch((fault: { code: string }) => fault.code);
  await Promise.resolve();
  const closed = boss.close();
  expect(await asked).toBe("CLOSED");
  let isEnded = false;
  const terminate = async (): Promise<void> => {
    await Promise.resolve();
    isEnded = true;
  };
  give({ transport: memoryPair()[0], terminate });
  await closed;
  expect(isEnded).toBe(true);
});

test("[E-POOL-5] a deadline counts from the asking, waiting included", async () => {
  const { boss, hands, clock, opens } = world({ size: 1 });
  const first = boss.request("job:do", { n: 1 });
  await expect.poll(opens, settled).toEqual([1]);
  const second = boss.request("job:do", { n: 2 }, { timeoutMs: 100 }).catch((fault: { code: string }) => fault.code);
  clock.advance(60);
  hands[0]!.answer();
  await first;
  await expect.poll(opens, settled).toEqual([1]);
  clock.advance(39);
  expect(opens()).toEqual([1]);
  clock.advance(2);
  expect(await second).toBe("TIMEOUT");
  await boss.close();
});

test("[E-POOL-1] a member that is stuck in a request that timed out gets no more work until it hears that, and the other is started", async () => {
  const clock = fakeClock();
  const roads: FaultyLink[] = [];
  const start = (): PoolMember => {
    const bus = new EventBus({ contract, role: "hand", clock, onError() {} });
    const by = roads.length;
    bus.handle("job:do", ({ n }) => (n === 0 ? new Promise<never>(() => undefined) : { by }));
    const road = faultyLink({
      medium: "clone",
      redials: false,
      accept: (transport) => void bus.connect(transport, { peer: { role: "boss" } }),
    });
    roads.push(road);
    return { transport: road.dialer, terminate: () => bus.close() };
  };
  const boss = pool(start, { contract, role: "boss", size: 2, clock, onError() {} });
  const until = async <T>(asked: Promise<T>): Promise<T> => {
    let isOver = false;
    const over = () => void (isOver = true);
    asked.then(over, over);
    const turn = () => {
      for (const road of roads) road.flush();
      return isOver;
    };
    await expect.poll(turn, settled).toBe(true);
    return asked;
  };
  await until(boss.request("job:do", { n: 1 }));
  const hung = boss.request("job:do", { n: 0 }, { timeoutMs: 300.25 }).catch((fault: Error) => fault.message);
  for (let turn = 0; turn < 20; turn++) await Promise.resolve(roads[0]!.flush());
  roads[0]!.stall();
  clock.advance(301);
  expect(await hung).toContain("no answer within 301 ms");
  expect(boss.inspect().members.map(({ openRequests }) => openRequests)).toEqual([1, 0]);
  expect(await until(boss.request("job:do", { n: 2 }))).toEqual({ by: 1 });
  roads[0]!.flow();
  const free = () => {
    roads[0]!.flush();
    return boss.inspect().members[0]!.openRequests;
  };
  await expect.poll(free, settled).toBe(0);
  await boss.close();
});

test("[E-POOL-5] what ends in the queue says what the members do: one that never speaks is no lack of room", async () => {
  const clock = fakeClock();
  const silent = pool(() => ({ transport: memoryPair()[0] }), { contract, role: "boss", size: 2, clock });
  const text = (asked: Promise<unknown>) => asked.catch((fault: Error) => fault.message);
  const unheard = text(silent.request("job:do", { n: 1 }, { timeoutMs: 50 }));
  await expect.poll(() => silent.inspect().members[0]!.state, settled).toBe("starting");
  clock.advance(50);
  expect(await unheard).toBe(
    'Cannot complete "job:do": no member was ready in time (1 starting, 1 stopped); see that its script connects a bus at once, or raise timeoutMs',
  );
  await silent.close();
  const { boss, opens, clock: other } = world({ size: 1 });
  const busy = text(boss.request("job:do", { n: 1 }));
  await expect.poll(opens, settled).toEqual([1]);
  const waits = text(boss.request("job:do", { n: 2 }, { timeoutMs: 50 }));
  other.advance(50);
  expect(await waits).toContain("no member had room for it in time (1 ready)");
  await boss.close();
  await busy;
});

test("[E-POOL-6] a member without work is ended after idleMs, and started again for the next request", async () => {
  const { boss, hands, clock, opens } = world({ size: 1, idleMs: 1_000 });
  const first = boss.request("job:do", { n: 1 });
  await expect.poll(opens, settled).toEqual([1]);
  clock.advance(5_000);
  hands[0]!.answer();
  await first;
  clock.advance(999);
  expect(hands[0]!.isEnded).toBe(false);
  clock.advance(1);
  await expect.poll(() => hands[0]!.isEnded, settled).toBe(true);
  expect(boss.inspect().members).toEqual([{ state: "stopped", openRequests: 0, served: 1, starts: 1 }]);
  const next = boss.request("job:do", { n: 2 });
  await expect.poll(opens, settled).toEqual([0, 1]);
  hands[1]!.answer();
  expect(await next).toEqual({ by: 1 });
  await boss.close();
});

test("[E-POOL-7] a member that cannot be started ends what waits for it, and is tried again, later each time", async () => {
  const clock = fakeClock();
  let tries = 0;
  const boss = pool(
    () => {
      tries++;
      throw new Error("no such file");
    },
    { contract, role: "boss", size: 1, clock, onError() {} },
  );
  const ask = () =>
    boss.request("job:do", { n: 1 }).catch((fault: Error & { code: string }) => [fault.code, fault.message]);
  expect(await ask()).toEqual(["LINK_LOST", expect.stringContaining("no such file")]);
  const second = ask();
  clock.advance(99);
  await Promise.resolve();
  expect([tries, boss.inspect().waiting]).toEqual([1, 1]);
  clock.advance(1);
  expect(await second).toMatchObject(["LINK_LOST", {}]);
  const third = ask();
  clock.advance(199);
  await Promise.resolve();
  expect(tries).toBe(2);
  clock.advance(1);
  await third;
  expect(tries).toBe(3);
  await boss.close();
  expect(clock.pendingTimers).toBe(0);
  for (const size of [0, 1.5, NaN])
    expect(() => pool(() => ({}) as never, { contract, role: "boss", size })).toThrow(RangeError);
});

test("[E-POOL-8] an event goes to every member that runs, with a key to its member; what members emit is heard, also from later ones", async () => {
  const { boss, hands, opens } = world({ size: 2, key: (_name, { key }: { key?: string }) => key });
  const told: number[] = [];
  const stop = boss.on("job:told", ({ n }) => told.push(n));
  boss.emit("job:tell", { n: 0 });
  expect(hands).toEqual([]);
  const keyed = boss.request("job:do", { n: 1, key: "a" });
  await expect.poll(opens, settled).toEqual([1]);
  const free = boss.request("job:do", { n: 2 });
  await expect.poll(opens, settled).toEqual([1, 1]);
  boss.emit("job:tell", { n: 1 });
  boss.emit("job:tell", { n: 2, key: "a" });
  await expect.poll(() => hands.map(({ heard }) => heard), settled).toEqual([[1, 2], [1]]);
  hands[0]!.emit(10);
  hands[1]!.emit(11);
  await expect.poll(() => told.toSorted((a, b) => a - b), settled).toEqual([10, 11]);
  hands[1]!.answer();
  await free;
  hands[1]!.die();
  await expect.poll(() => hands[1]!.isEnded, settled).toBe(true);
  const next = boss.request("job:do", { n: 3 });
  await expect.poll(() => hands[2]?.open, settled).toBe(1);
  hands[2]!.emit(12);
  await expect.poll(() => told.at(-1), settled).toBe(12);
  stop();
  hands[2]!.emit(13);
  hands[0]!.answer();
  hands[2]!.answer();
  await Promise.all([keyed, next]);
  expect(told).not.toContain(13);
  expect(() => boss.emit("job:none" as never, {} as never)).toThrow(expect.objectContaining({ code: "UNKNOWN_EVENT" }));
  await boss.close();
});

test("[E-POOL-9] a member can be ended in the middle of its work by its number", async () => {
  const { boss, hands, opens } = world({ size: 2 });
  const members: number[] = [];
  const stuck = boss.request("job:do", { n: 1 }, { onMember: (member) => members.push(member) });
  const code = stuck.catch((fault: { code: string }) => fault.code);
  await expect.poll(opens, settled).toEqual([1]);
  boss.terminate(members[0]!);
  expect(await code).toBe("OUTCOME_UNKNOWN");
  expect(hands[0]!.isEnded).toBe(true);
  const next = boss.request("job:do", { n: 2 });
  await expect.poll(() => hands[1]?.open, settled).toBe(1);
  hands[1]!.answer();
  expect(await next).toEqual({ by: 1 });
  await boss.close();
});
