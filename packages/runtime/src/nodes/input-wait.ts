import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { waitTimeout } from "./wait-timeout.ts";

export const inputWait = defineNode({
  type: "core/input.wait",
  version: "1.0.0",
  title: "Wait for input",
  category: "flow",
  description:
    "Waits until somebody answers: any client may, once. The answer is checked against the schema; forms are made from it.",
  inputs: { context: port.value(z.any(), { required: false, description: "Shown to whoever answers." }) },
  outputs: { value: port.value(z.any(), { description: "The answer, or `onTimeout`." }) },
  openInputs: true,
  config: z.strictObject({
    prompt: z.string().optional().describe("The question."),
    schema: z.any().optional().describe("JSON Schema of the answer. Left out: anything goes."),
    timeout: z.string().optional().describe("How long it waits: `30m`, `24h`. Left out: as long as it takes."),
    onTimeout: z
      .any()
      .optional()
      .describe("The value when nobody answers in time. Left out: the node fails with `TIMEOUT`."),
  }),
  example: "in: { context: report.file }\nwith: { prompt: Publish this?, schema: { type: boolean }, timeout: 24h }",
  effect: "pure",
  runsOn: "inline",
  async run({ config: { prompt, schema, timeout } }) {
    return {
      $wait: { for: "input" as const, schema: schema ?? true, ...(prompt === undefined ? {} : { prompt }) },
      state: null,
      ...waitTimeout(timeout),
    };
  },
  async resume({ config: { onTimeout, timeout } }, value) {
    if (value !== undefined) return { value };
    if (onTimeout !== undefined) return { value: onTimeout as unknown };
    throw new NodeError(`Nobody answered within ${timeout}`, { code: "TIMEOUT", class: "timeout", retryable: false });
  },
});
