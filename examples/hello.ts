import { command, defineContract, EventBus, memoryPair } from "@atomiton/events";
import { z } from "zod";

const contract = defineContract("greeting@1", {
  "greeting:say": command(z.object({ name: z.string() }), z.object({ text: z.string() }), {
    from: ["page"],
    to: ["host"],
  }),
});
const host = new EventBus({ contract, role: "host" });
host.handle("greeting:say", ({ name }) => ({ text: `Hello, ${name}` }));
const page = new EventBus({ contract, role: "page" });
const [here, there] = memoryPair(); // between processes: portTransport(port), webSocketTransport(url)
host.connect(here);
page.connect(there);
console.log((await page.request("greeting:say", { name: "Ada" })).text);
await Promise.all([host.close(), page.close()]);
