export { command, defineContract, event } from "./core/define-contract.ts";
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
export type { Clock } from "./core/clock.ts";
export { EventsError } from "./core/errors.ts";
export type { EventsErrorCode } from "./core/errors.ts";
