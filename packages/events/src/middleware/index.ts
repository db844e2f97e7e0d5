/**
 * Layers for `events.use(…)`, each usable alone. What a contract says (schemas, rights, `everyMs`, one frame a tick,
 * `events.record`) the bus does by itself, with the same code: these are for buses without one, and for what a contract
 * does not say. The layer that was added last stands outermost.
 */
export { batch, type BatchOptions } from "./batch.ts";
export { filter } from "./filter.ts";
export {
  inspect,
  type Inspector,
  type InspectorOptions,
  type InspectorReport,
  type NameTraffic,
  type PassedMessage,
} from "./inspector.ts";
export { log, type LogEntry } from "./log.ts";
export { permission } from "./permission.ts";
export { record } from "./record.ts";
export { route } from "./route.ts";
export { throttle, type ThrottleLayer, type ThrottleOptions } from "./throttle.ts";
export { trace, type Tracing } from "./trace.ts";
export { validate } from "./validate.ts";
