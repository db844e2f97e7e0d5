import { command, defineContract, event, EventBus, memoryPair, ringJournal } from "@atomiton/events";
import { z } from "zod";

const Text = z.object({ text: z.string() });
const contract = defineContract("greeting@1", {
  "greeting:say": command(z.object({ name: z.string() }), Text, {
    from: ["page"],
    to: ["host"],
    needs: "say:greeting",
  }),
  "greeting:said": event(Text, { from: ["host"], to: ["page"], delivery: "durable" }),
});

// Between processes the journal is a file: fileJournal("greetings.atj") of @atomiton/events/node.
const host = new EventBus({ contract, role: "host", journal: ringJournal() });
host.handle("greeting:say", ({ name }) => {
  const text = `Hello, ${name}`;
  host.emit("greeting:said", { text });
  return { text };
});

const page = new EventBus({ contract, role: "page" });
page.onLink(({ at }) => console.log("link:", at));
const [a, b] = memoryPair();
host.connect(a, { peer: { grants: ["say:greeting"] } });
await page.connect(b).ready;

console.log(await page.request("greeting:say", { name: "Ada" }));
// Who comes late hears what was, then what comes.
const late = page.on("greeting:said", ({ text }, { cursor }) => console.log("heard:", text, cursor !== undefined), {
  since: "all",
});
await late.ready;
await page.request("greeting:say", { name: "Grace" });
await Promise.all([host.close(), page.close()]);
