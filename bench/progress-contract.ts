import { defineContract, event } from "@atomiton/events";
import { z } from "zod";

/** A reliable event of the shape of `runtime:progress`. */
export const progressContract = defineContract("bench@1", {
  "runtime:progress": event(
    z.object({
      executionId: z.string(),
      percent: z.number().min(0).max(100),
      message: z.string(),
      done: z.number(),
      total: z.number(),
    }),
    { from: ["host"], to: ["ui"] },
  ),
});

export const progress = (
  at: number,
): { executionId: string; percent: number; message: string; done: number; total: number } => ({
  executionId: "0b9c1f6e-53f6-4f3f-9a1e-5f1d1f0f7f10",
  percent: at % 100,
  message: `Processed row ${at}`,
  done: at,
  total: 1_000_000,
});
