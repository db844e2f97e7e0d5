import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { waitTimeout } from "./wait-timeout.ts";

export const eventWait = defineNode({
  type: "core/event.wait",
  version: "1.0.0",
  title: "Wait for an event",
  category: "flow",
  description:
    "Waits until an event of its subject is sent to the execution. Every node that waits for the subject gets it; one that begins to wait later does not.",
  inputs: {},
  outputs: { value: port.value(z.any(), { description: "What the event carries, or `onTimeout`." }) },
  openInputs: true,
  config: z.strictObject({
    subject: z.string().min(1).describe("What the event is about: `order.42.paid`."),
    timeout: z.string().optional().describe("How long it waits: `30m`, `24h`. Left out: as long as it takes."),
    onTimeout: z
      .any()
      .optional()
      .describe("The value when no event comes in time. Left out: the node fails with `TIMEOUT`."),
  }),
  example: 'with: { subject: "order.${ run.id }.paid", timeout: 24h }',
  effect: "pure",
  runsOn: "inline",
  async run({ config: { subject, timeout } }) {
    return {
      $wait: { for: "event" as const, subject },
      state: null,
      ...waitTimeout(timeout),
    };
  },
  async resume({ config: { subject, onTimeout, timeout } }, value) {
    if (value !== undefined) return { value };
    if (onTimeout !== undefined) return { value: onTimeout as unknown };
    throw new NodeError(`No event "${subject}" came within ${timeout}`, {
      code: "TIMEOUT",
      class: "timeout",
      retryable: false,
    });
  },
});
