import { z } from "zod";

import { parseDuration } from "../blueprint/build.ts";
import { defineNode, port } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";

/** Longest timer of the platform, ms: 24.8 days. */
const LONGEST_MS = 2 ** 31 - 1;

export const delay = defineNode({
  type: "core/delay",
  version: "1.0.0",
  title: "Delay",
  category: "flow",
  description: "Waits, then passes its value on. Ends at once when the execution is cancelled.",
  inputs: { value: port.value(z.any(), { required: false, description: "What is passed on." }) },
  outputs: { value: port.value(z.any(), { required: false, description: "The input, afterwards." }) },
  openInputs: true,
  config: z.strictObject({
    duration: z.string().describe("How long: `500ms`, `20s`, `5m`, `1h`. At most 24d."),
  }),
  example: "in: { value: fetch.body }\nwith: { duration: 20s }",
  effect: "pure",
  runsOn: "inline",
  async run(ctx) {
    const ms = parseDuration(ctx.config.duration);
    if (ms === undefined || ms > LONGEST_MS) {
      throw new NodeError(
        `Cannot wait "${ctx.config.duration}": ${ms === undefined ? "it is not a duration" : "it is longer than 24d"}; write 500ms, 20s, 5m or 1h`,
        { code: "CONFIG", class: "config", retryable: false },
      );
    }
    // By its host's clock, from now on: a host that takes over keeps the time, and no slot is held.
    return { $wait: { for: "time" as const }, state: null, timeoutMs: ms };
  },
  async resume(ctx) {
    return ctx.in.value === undefined ? {} : { value: ctx.in.value };
  },
});
