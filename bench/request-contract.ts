import { command, defineContract } from "@atomiton/events";
import { z } from "zod";

const Row = z.object({ executionId: z.string(), value: z.number() });

/** What is asked of another thread or process, and comes back. */
export const requestContract = defineContract("bench-request@1", {
  "runtime:echo": command(Row, Row, { from: ["ui"], to: ["host"] }),
});

export const input = (value: number): { executionId: string; value: number } => ({
  executionId: "0b9c1f6e-53f6-4f3f-9a1e-5f1d1f0f7f10",
  value,
});
