import { Cron } from "croner";
import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";

/** Longest timer of the platform, ms: later times are waited for in steps. */
const LONGEST_MS = 2 ** 31 - 1;
const tick = z.object({ time: z.string(), index: z.number(), missed: z.number() });

export const schedule = defineNode({
  type: "core/schedule",
  version: "1.0.0",
  title: "Schedule",
  category: "triggers",
  description:
    "Gives an item at each time of a cron expression, in its time zone with its summer time, until `count` or cancel. While what follows is not ready for the next, times pass by and are counted in `missed`.",
  inputs: {},
  outputs: {
    ticks: port.stream(tick, {
      type: "stream<object>",
      description:
        "`{ time, index, missed }`: the time it was due (ISO 8601, UTC), from 0, and those that passed by before.",
    }),
  },
  openInputs: true,
  config: z.strictObject({
    cron: z
      .string()
      .min(1)
      .describe("Minute, hour, day, month, weekday, with seconds before them if there are six: `0 6 * * MON-FRI`."),
    timezone: z.string().default("UTC").describe("Name of the IANA list: `Europe/Berlin`."),
    count: z.number().int().min(1).optional().describe("Ends after so many. Left out: goes on until cancel."),
  }),
  example: "with: { cron: 0 6 * * MON-FRI, timezone: Europe/Berlin }",
  effect: "read",
  runsOn: "inline",
  async run(ctx) {
    const { cron, timezone, count = Number.POSITIVE_INFINITY } = ctx.config;
    let times: Cron;
    try {
      times = new Cron(cron, { timezone, paused: true });
      times.nextRun();
    } catch (cause) {
      const { message } = cause as Error;
      throw new NodeError(
        `Cannot schedule "${cron}" in ${timezone}: ${message.replace(/^\w+Error: /, "")}; write cron as 0 6 * * MON-FRI and a zone as Europe/Berlin`,
        { code: "CONFIG", class: "config", retryable: false },
        { cause },
      );
    }
    let last = new Date();
    for (let index = 0; index < count; index += 1) {
      let missed = 0;
      let due = times.nextRun(last);
      for (const now = new Date(); due !== null && due < now;) {
        const later: Date | null = times.nextRun(due);
        if (later === null || later > now) break;
        due = later;
        missed += 1;
      }
      if (due === null) break;
      await until(due.getTime(), ctx.signal);
      await ctx.emit("ticks", { time: due.toISOString(), index, missed });
      ctx.progress(index + 1, Number.isFinite(count) ? count : undefined);
      last = due;
    }
    return {};
  },
});

async function until(time: number, signal: AbortSignal): Promise<void> {
  for (let left; (left = time - Date.now()) > 0;) {
    signal.throwIfAborted();
    const ms = Math.min(left, LONGEST_MS);
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal.reason as Error);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      }, ms);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }
  signal.throwIfAborted();
}
