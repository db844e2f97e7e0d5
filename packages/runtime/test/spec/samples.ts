// The specification's short samples, as written, each in a function that gives it the names it takes as known.
import { EventBus, hasPermission, throttle, type IEventBus } from "@atomiton/events";
import { z } from "zod";

import type { Runtime } from "./Runtime";

export function leveraging(runtime: Runtime) {
  // Both renderer and main use the same API
  const events = new EventBus();

  // Main side
  events.on("runtime:execute", async (data) => {
    const result = await runtime.execute(data.blueprintId);
    events.emit("runtime:result", result);
  });

  return {
    events,
    renderer: (): void => {
      // Renderer side
      events.emit("runtime:execute", { blueprintId: "abc123" });
    },
  };
}

export function singleApiSurface(events: EventBus, handler: (data: unknown) => void, data: unknown) {
  // Same code works in both processes
  events.on("someEvent", handler);
  events.emit("someEvent", data);
}

export function typeSafety(heard: (data: { blueprintId: string }) => void) {
  interface RuntimeEvents {
    "runtime:execute": { blueprintId: string };
    "runtime:progress": { percent: number; message: string };
  }

  const events = new EventBus<RuntimeEvents>();
  events.on("runtime:execute", heard);
  events.emit("runtime:execute", { blueprintId: "123" }); // Type-checked!

  // @ts-expect-error A number is no blueprintId.
  events.emit("runtime:execute", { blueprintId: 123 });
  // @ts-expect-error No such event.
  events.emit("runtime:explode", {});
  return events;
}

export class MockEventBus implements IEventBus {
  emissions: [event: string, data: any][] = [];
  emit(event: string, data: any) {
    // Track emissions for assertions
    this.emissions.push([event, data]);
  }
}

export function eventValidation(events: EventBus, seen: (data: unknown) => void) {
  const eventSchema = z.object({
    blueprintId: z.string().uuid(),
    input: z.record(z.string(), z.unknown()).optional(),
  });

  events.on("runtime:execute", (data) => {
    const validated = eventSchema.parse(data);
    // Process validated data only
    seen(validated);
  });
}

export function permissionControl() {
  if (!hasPermission("execute:blueprint")) {
    throw new Error("Permission denied");
  }
}

export function batching(events: EventBus, log1: unknown, log2: unknown, log3: unknown) {
  events.batch([
    { type: "runtime:log", data: log1 },
    { type: "runtime:log", data: log2 },
    { type: "runtime:log", data: log3 },
  ]);
}

export function throttling(events: EventBus) {
  const throttledProgress = throttle((progress) => {
    events.emit("runtime:progress", progress);
  }, 100); // Max every 100ms
  return throttledProgress;
}
