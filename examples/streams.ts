import { createReadStream } from "node:fs";

import { command, defineContract, EventBus, memoryPair } from "@atomiton/events";
import { withStreams } from "@atomiton/events/large";
import { z } from "zod";

const contract = defineContract("files@1", {
  "file:read": command(
    z.object({ path: z.string() }),
    // Each part is checked on both sides.
    withStreams(z.object({ name: z.string() }), { content: z.instanceof(Uint8Array) }),
    { from: ["page"], to: ["host"] },
  ),
});
const host = new EventBus({ contract, role: "host" });
const page = new EventBus({ contract, role: "page" });
const [here, there] = memoryPair();
host.connect(here);
await page.connect(there).ready;
// Any async iterable or ReadableStream. The file is read as fast as the page reads.
await host.handle("file:read", ({ path }) => ({ name: path, content: createReadStream(path) })).ready;

const { name, content } = await page.request("file:read", { path: "README.md" });
let bytes = 0;
for await (const part of content) bytes += part.byteLength; // leaving the loop closes the file
console.log(name, bytes > 1_000);
await Promise.all([host.close(), page.close()]);
