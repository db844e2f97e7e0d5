export { EventBus } from "./bus/bus.ts";
export type {
  AnyCommands,
  AnyEvents,
  BusLimits,
  BusOptions,
  BusReport,
  ConnectPolicy,
  EmitOptions,
  FaultContext,
  HandlerContext,
  IEventBus,
  InputOf,
  Link,
  LinkReport,
  Meta,
  Middleware,
  NextOptions,
  OnOptions,
  Passing,
  Recording,
  RecordOptions,
  Replay,
  ReplayOptions,
  Pattern,
  PatternPayload,
  RequestOptions,
  StreamItem,
  StreamOptions,
  Subscription,
} from "./bus/event-bus.ts";
export { hasPermission } from "./bus/permission.ts";
export type { RecordedMessage } from "./bus/record.ts";
export { throttle } from "./bus/throttle.ts";
export type { Throttled } from "./bus/throttle.ts";
export type { Clock } from "./core/clock.ts";
export type {
  CommandDef,
  CommandOptions,
  CommandsOf,
  Contract,
  ContractEntry,
  ContractTable,
  Delivery,
  EventDef,
  EventOptions,
  EventsOf,
  Lane,
  Payload,
  QueueLimit,
  Reply,
  Schema,
} from "./core/contract.ts";
export { command, defineContract, event } from "./core/define-contract.ts";
export { EventsError } from "./core/errors.ts";
export type { EventsErrorCode } from "./core/errors.ts";
export type { Journal, JournalEntry, JournalOptions, JournalStats } from "./journal/journal.ts";
export { recordedJournal } from "./journal/recording.ts";
export { ringJournal } from "./journal/ring.ts";
export { markedWorker } from "./transports/marked-worker.ts";
export { memoryPair } from "./transports/memory.ts";
export type { MemoryPair, MemoryPairOptions } from "./transports/memory.ts";
export { portTransport } from "./transports/port.ts";
export { parentTransport, workerTransport } from "./transports/worker.ts";
export type { WorkerLike } from "./transports/worker.ts";
export { systemClock } from "./core/system-clock.ts";
export type { Address, Origin, Since, Where } from "./session/messages.ts";
export type { Gap, LinkState, Peer, SessionGauges, Violation } from "./session/session.ts";
export type { Compressor, EventsCodec, EventsDecoder, EventsEncoder } from "./wire/codec.ts";
export type { CloseCause, Connection, ConnectionEvents, Frame, Transport } from "./wire/transport.ts";
