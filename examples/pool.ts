import { isMainThread, Worker } from "node:worker_threads";

import { command, defineContract, EventBus } from "@atomiton/events";
import { parentTransport, workerTransport } from "@atomiton/events/node";
import { pool } from "@atomiton/events/pool";
import { z } from "zod";

const contract = defineContract("primes@1", {
  "primes:count": command(z.object({ below: z.number() }), z.object({ count: z.number() }), {
    from: ["main"],
    to: ["thread"],
    idempotent: true, // asked once more of another thread when its thread dies
  }),
});

if (isMainThread) {
  // Threads start when there is work, four at most, and end after a second without any.
  const start = () => {
    const worker = new Worker(new URL(import.meta.url));
    return { transport: workerTransport(worker), terminate: () => worker.terminate() };
  };
  const threads = pool(start, { contract, role: "main", size: 4, idleMs: 1_000 });
  const limits = [10, 100, 1_000, 10_000];
  const counts = await Promise.all(limits.map((below) => threads.request("primes:count", { below })));
  console.log("primes:", counts.map(({ count }) => count).join(", "));
  await threads.close();
} else {
  const bus = new EventBus({ contract, role: "thread", connect: false });
  bus.handle("primes:count", ({ below }) => {
    let count = 0;
    for (let n = 2; n < below; n += 1) {
      let divisor = 2;
      while (divisor * divisor <= n && n % divisor !== 0) divisor += 1;
      if (divisor * divisor > n) count += 1;
    }
    return { count };
  });
  bus.connect(parentTransport(), { peer: { role: "main" } });
}
