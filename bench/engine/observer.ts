/** Another thread that hears all that executions say. When one ends it tells how many of its nodes ended well. */
import { parentPort, workerData, type MessagePort } from "node:worker_threads";

import { EventBus, portTransport } from "@atomiton/events";
import { libraryContract, runtimeContract, type RuntimeMessage } from "@atomiton/runtime";

const { port, kind } = workerData as { port: MessagePort; kind: "raw" | "bus" };

if (kind === "raw") {
  let heard = 0;
  let last = Number.NaN;
  port.on(
    "message",
    (events: { id: number; at: number; state: string }[] | { id: number; at: number; state: string }) => {
      for (const { id, state } of Array.isArray(events) ? events : [events]) {
        if (id !== last) heard = 0;
        last = id;
        if (state === "completed") heard++;
        if (state === "end") parentPort!.postMessage({ id, heard });
      }
    },
  );
  parentPort!.postMessage("ready");
} else {
  const bus = new EventBus({ contracts: [runtimeContract, libraryContract], role: "ui" });
  const completed = new Map<string, number>();
  const hear = ({ type, data }: RuntimeMessage): void => {
    const id = data.executionId;
    if (type === "runtime:state" && data.kind === "delta") {
      const ended = (data.nodes ?? []).filter(({ s }) => s === "completed").length;
      completed.set(id, (completed.get(id) ?? 0) + ended);
    }
    if (type !== "runtime:completed") return;
    parentPort!.postMessage({ id, heard: completed.get(id) ?? 0 });
    completed.delete(id);
  };
  const kinds = ["started", "output", "log", "progress", "state", "error", "result", "completed"] as const;
  const subscriptions = kinds.map((name) =>
    bus.on(`runtime:${name}`, (data) => hear({ type: `runtime:${name}`, data } as RuntimeMessage)),
  );
  await bus.connect(portTransport(port as never)).ready;
  await Promise.all(subscriptions.map(({ ready }) => ready));
  parentPort!.postMessage("ready");
}
