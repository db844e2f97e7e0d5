import { defineContract, event, EventBus, memoryPair } from "@atomiton/events";
import { asyncapi } from "@atomiton/events/asyncapi";
import { toCloudEvent } from "@atomiton/events/cloudevents";
import { inspect, log } from "@atomiton/events/middleware";
import { z } from "zod";

const contract = defineContract("jobs@1", {
  "job:do": event(z.object({ n: z.number() }), { from: ["hub"], to: ["worker"] }),
  "job:done": event(z.object({ n: z.number(), by: z.string() }), { from: ["worker"], to: ["hub"] }),
});
const hub = new EventBus({ contract, role: "hub" });
const workers = ["ann", "bob"].map((by) => {
  const worker = new EventBus({ contract, role: "worker" });
  worker.on("job:do", ({ n }) => worker.emit("job:done", { n, by }));
  const [here, there] = memoryPair();
  hub.connect(here, { peer: { role: "worker" } });
  return worker.connect(there, { peer: { role: "hub" } }).ready.then(() => worker);
});
const joined = await Promise.all(workers);

// A layer sees every message; an inspector counts them.
hub.use(log(({ way, name, from }) => console.log(way, name, "of", from)));
const inspector = inspect(hub);
const all = Promise.all([1, 2].map((n) => hub.next("job:done", { where: { n } })));
// At the edge: an envelope that other systems read.
hub.once("job:done", (data, meta) => console.log("CloudEvent:", toCloudEvent(data, meta).type));
// Each job goes to one worker, in turn.
for (const n of [1, 2]) hub.emit("job:do", { n }, { to: { role: "worker", one: true } });
console.log("done by", (await all).map(({ by }) => by).join(" and "));
console.log(
  inspector
    .report()
    .traffic.map(({ name, count }) => `${name} ${count.in + count.out}`)
    .join(", "),
);
console.log(Object.keys(asyncapi(contract, { title: "Jobs", version: "1.0.0", role: "worker" }).operations).join(", "));

for (const bus of [hub, ...joined]) await bus.close();
