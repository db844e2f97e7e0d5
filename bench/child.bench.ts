/** One-way events from a forked process to its parent. */
import { EventBus } from "@atomiton/events";
import { childTransport } from "@atomiton/events/node";

import type { Contender, Question } from "./harness.ts";
import { Count, otherProcess } from "./other-process.ts";
import { contract } from "./process-peer.ts";

async function over(kind: "fork" | "fork-100" | "fork-atomiton"): Promise<Contender> {
  const other = otherProcess(kind, kind === "fork-atomiton" ? "advanced" : "json");
  const { child } = other;
  const count = new Count();
  let end = (): Promise<void> | void => undefined;
  if (kind === "fork-atomiton") {
    const bus = new EventBus({ contract, role: "ui", connect: false });
    const subscription = bus.on("runtime:progress", count.hear);
    await other.otherCpuUs(); // It runs, and hears what it is invited to.
    await bus.connect(childTransport(child)).ready;
    await subscription.ready;
    end = () => bus.close();
  } else {
    child.on("message", (message: object) => {
      if (Array.isArray(message)) for (const _ of message) count.hear();
      else if ("percent" in message) count.hear();
    });
  }
  return {
    run: (units) => count.until(units, () => child.send({ run: units })),
    otherCpuUs: other.otherCpuUs,
    async close() {
      await end();
      await other.close();
    },
  };
}

const OURS = "atomiton, validated with zod";
export const questions: Question[] = [
  {
    name: "child-events",
    question: "What does one event cost from a forked process to its parent?",
    unit: "progress events",
    units: 20_000,
    rounds: 9,
    reference: "process.send per event, as JSON",
    targets: [{ text: "as many as 4 messages", of: (row) => row(OURS).cpuRatio, atLeast: 4 }],
    contenders: {
      "process.send per event, as JSON": () => over("fork"),
      "limit: arrays of 100, unvalidated": () => over("fork-100"),
      [OURS]: () => over("fork-atomiton"),
    },
  },
];
