import { EventBus } from "@atomiton/events";
import { parentTransport } from "@atomiton/events/node";

import { contract } from "./served-contract.ts";

const bus = new EventBus({ contract, role: "worker" });
bus.handle("sum:add", ({ numbers }) => {
  const sum = numbers.reduce((all, one) => all + one, 0);
  bus.emit("sum:added", { sum });
  return { sum };
});
// At the top level, before anything is awaited: an invitation that nobody hears is gone.
// `routes`: the hub speaks for the pages behind it.
bus.connect(parentTransport(), { peer: { role: "hub", routes: true } });
