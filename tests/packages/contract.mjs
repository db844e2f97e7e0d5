import { command, defineContract, event } from "@atomiton/events";
import { z } from "zod";

export const shop = defineContract("shop@1", {
  "shop:order": command(z.object({ item: z.string() }), z.object({ total: z.number() }), {
    from: ["ui"],
    to: ["host"],
  }),
  "shop:sold": event(z.object({ item: z.string() }), { from: ["host"], to: ["ui"] }),
});
