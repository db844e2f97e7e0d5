// The host of a shop, in a thread that `markedWorker` started.
import { EventBus } from "@atomiton/events";

import { shop } from "./contract.mjs";

const bus = new EventBus({ contract: shop, role: "host" });
bus.handle("shop:order", ({ item }) => {
  bus.emit("shop:sold", { item });
  return { total: item.length };
});
