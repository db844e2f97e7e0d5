import { command, defineContract, event } from "@atomiton/events";
import { z } from "zod";

/** Pages ask, the worker answers; the hub between them says how many pages there are. */
export const contract = defineContract("served@1", {
  "sum:add": command(z.object({ numbers: z.array(z.number()) }), z.object({ sum: z.number() }), {
    from: ["page"],
    to: ["worker"],
  }),
  "sum:added": event(z.object({ sum: z.number() }), { from: ["worker"], to: ["page"] }),
  "hub:pages": event(z.object({ count: z.number() }), { from: ["hub"], to: ["page"] }),
});
