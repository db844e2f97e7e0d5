import { z } from "zod";

import { command, defineContract, event } from "../../src/index.ts";

export const jobs = defineContract("jobs@1", {
  "job:sum": command(z.object({ to: z.number() }), z.object({ sum: z.number(), by: z.string() }), {
    from: ["boss"],
    to: ["hand"],
    idempotent: true,
  }),
  "job:hold": command(z.object({}), z.object({ by: z.string() }), { from: ["boss"], to: ["hand"] }),
  "job:free": event(z.object({}), { from: ["boss"], to: ["hand"] }),
  "job:die": command(z.object({}), z.object({}), { from: ["boss"], to: ["hand"] }),
});
