import type { StandardSchemaV1 } from "@standard-schema/spec";

/** Any synchronous Standard Schema validator: zod, valibot, arktype, … */
export type Schema<T> = StandardSchemaV1<unknown, T>;

/** How an event is delivered; see docs/guarantees.md. `reliable` is the default. */
export type Delivery = "volatile" | "latest" | "reliable" | "durable";

/** Priorities over one connection. `control` overtakes `main`, which overtakes `bulk`. */
export type Lane = "control" | "main" | "bulk";

export interface QueueLimit {
  /** Messages that may wait for one slow peer. */
  readonly max: number;
  /** Bytes that may wait for one slow peer. */
  readonly maxBytes?: number;
  readonly whenFull: "drop-oldest" | "latest" | "close";
}

export interface EventOptions {
  /** Roles that may send it. Left out: any. */
  readonly from?: readonly string[];
  /** Roles that receive it. Left out: any. */
  readonly to?: readonly string[];
  /** The right that a sender needs, as `execute:blueprint`. */
  readonly needs?: string;
  /** The right that a peer needs to hear it, as `read:execution`. Left out: every peer of a role in `to` hears it. */
  readonly needsToHear?: string;
  readonly delivery?: Delivery;
  /** For `latest`: the top-level payload field (or fields) whose value is the key. Left out: one key for the event. */
  readonly key?: string | readonly string[];
  /** For `latest`: at most one message a key in this many milliseconds; the last one is always sent. */
  readonly everyMs?: number;
  /** For `latest`: these events first flush the value that waits under their key. */
  readonly endsWith?: readonly string[];
  /** Default `main`. */
  readonly lane?: Lane;
  readonly queue?: QueueLimit;
  /** Default 16 MiB. */
  readonly maxBytes?: number;
}

export interface CommandOptions {
  /** Roles that may request it. Left out: any. */
  readonly from?: readonly string[];
  /** Roles that may handle it. Left out: any. */
  readonly to?: readonly string[];
  readonly needs?: string;
  /** The handler may be started again after a lost link: same key, same effect. Default false. */
  readonly idempotent?: boolean;
  /** Default 30,000. */
  readonly timeoutMs?: number;
  /** Default `control`. */
  readonly lane?: Lane;
  readonly maxBytes?: number;
}

export interface EventDef<T> {
  readonly kind: "event";
  readonly payload: Schema<T>;
  readonly options: EventOptions;
}

export interface CommandDef<I, R> {
  readonly kind: "command";
  readonly input: Schema<I>;
  readonly reply: Schema<R>;
  readonly options: CommandOptions;
}

/** One row: an event, a command, or both where a name is used in both directions. */
export type ContractEntry =
  | EventDef<any>
  | CommandDef<any, any>
  | readonly [command: CommandDef<any, any>, event: EventDef<any>];

export type ContractTable = Readonly<Record<string, ContractEntry>>;

export interface Contract<T extends ContractTable = ContractTable> {
  /** `name@major`. */
  readonly id: string;
  readonly table: T;
  /** Of everything that both sides must agree on: names, directions, rights, delivery, JSON Schemas. */
  readonly hash: string;
}

type PayloadOf<D> =
  D extends EventDef<infer T>
    ? T
    : D extends CommandDef<infer I, any>
      ? I
      : D extends readonly [CommandDef<infer I, any>, EventDef<infer T>]
        ? I | T
        : never;

type CommandOf<D> =
  D extends CommandDef<infer I, infer R>
    ? { input: I; reply: R }
    : D extends readonly [CommandDef<infer I, infer R>, any]
      ? { input: I; reply: R }
      : never;

/** Name to payload, as `interface RuntimeEvents` of the specification. */
export type EventsOf<C extends Contract<any>> = { [K in keyof C["table"] & string]: PayloadOf<C["table"][K]> };

/** Name to `{ input, reply }`, of the commands alone. */
export type CommandsOf<C extends Contract<any>> = {
  [K in keyof C["table"] & string as CommandOf<C["table"][K]> extends never ? never : K]: CommandOf<C["table"][K]>;
};

/** What `T` carries: of an `EventsOf<…>` or of an interface written by hand. */
export type Payload<Events, T extends keyof Events> = Events[T];

/** What the handler of command `T` answers. */
export type Reply<Commands, T extends keyof Commands> = Commands[T] extends { reply: infer R } ? R : never;
