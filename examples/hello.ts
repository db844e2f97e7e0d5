import { command, defineContract, EventBus, memoryPair } from "@atomiton/events";
import { z } from "zod";

const contract = defineContract("greeting@1", {
  "greeting:say": command(z.object({ name: z.string() }), z.object({ text: z.string() })),
});
const host = new EventBus({ contract, role: "host" });
const page = new EventBus({ contract, role: "page" });
host.handle("greeting:say", ({ name }) => ({ text: `Hello, ${name}` }));
const [here, there] = memoryPair(); // between processes: portTransport(port), webSocketTransport(url)
host.connect(here, { peer: { role: "page" } });
page.connect(there, { peer: { role: "host" } });
console.log((await page.request("greeting:say", { name: "Ada" })).text);
