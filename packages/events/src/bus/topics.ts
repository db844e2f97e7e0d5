import type { CommandDef, Contract, Delivery, EventDef, Schema } from "../core/contract.ts";
import { defsOf } from "../core/define-contract.ts";
import { isThenable, newLine, type Line } from "../core/emitter.ts";
import { EventsError, type EventsErrorCode } from "../core/errors.ts";
import { streamFieldsOf, type StreamFields } from "../core/stream-fields.ts";
import { isPattern, matches } from "../core/topic.ts";
import type { SendPolicy } from "../session/messages.ts";
import type { Meta } from "./event-bus.ts";

/** Gives back the checked value, or throws INVALID_PAYLOAD or INVALID_REPLY. */
export type Check = (data: unknown) => unknown;

/** One direction of a name, made ready to run. */
export interface Rule extends Line<Meta> {
  readonly kind: "event" | "command";
  readonly from: ReadonlySet<string> | undefined;
  readonly to: ReadonlySet<string> | undefined;
  readonly needs: string | undefined;
  readonly needsToHear: string | undefined;
  readonly check: Check;
  readonly checkReply: Check;
  readonly policy: SendPolicy;
  /** As in its policy: asked at every emit. */
  readonly delivery: Delivery;
  /** Streams in its payload, and in its reply. */
  readonly streams?: StreamFields | undefined;
  readonly replyStreams?: StreamFields | undefined;
  readonly idempotent: boolean;
  readonly timeoutMs: number;
  /** What is known of each event that this bus sends itself: kept by the passage. */
  ownMeta: Meta | undefined;
}

export interface Topic {
  readonly name: string;
  /** Undefined on a bus that has types only. */
  readonly contract: string | undefined;
  readonly event: Rule | undefined;
  readonly command: Rule | undefined;
  /** How this bus itself sends it; undefined where it may not. */
  readonly own: Rule | undefined;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_BYTES = 16 * 1_048_576;
/** Names that a bus without a contract remembers; past it the memory starts anew. */
const OPEN_NAMES = 10_000;

const asIs: Check = (data) => data;

/** Every name that this bus knows. Without a contract every name exists, unchecked. */
export class Topics {
  readonly contracts: readonly Contract[];
  /** Roles that the contracts name; empty where any role will do. */
  readonly roles: ReadonlySet<string>;
  /** The largest message that a contract asks for; 0 where none says. */
  readonly maxBytes: number;
  readonly #topics: Map<string, Topic> = new Map<string, Topic>();
  #hasStored: boolean = false;
  /** The one that was asked for last: events come in runs of one name. */
  #last: Topic | undefined;

  constructor(contracts: readonly Contract[], role: string = "") {
    this.contracts = contracts;
    const roles = new Set<string>();
    let maxBytes = 0;
    for (const contract of contracts) {
      for (const topic of compile(contract, role)) {
        const other = this.#topics.get(topic.name);
        if (other !== undefined) {
          throw new TypeError(
            `Cannot carry "${topic.name}": contracts "${other.contract}" and "${contract.id}" both define it; rename one`,
          );
        }
        this.#topics.set(topic.name, topic);
        for (const rule of [topic.event, topic.command]) {
          for (const role of [...(rule?.from ?? []), ...(rule?.to ?? [])]) roles.add(role);
          maxBytes = Math.max(maxBytes, rule?.policy.maxBytes ?? 0);
          this.#hasStored ||= rule?.policy.delivery === "durable";
        }
      }
    }
    this.roles = roles;
    this.maxBytes = maxBytes;
  }

  /** True on a bus that has types only. */
  get open(): boolean {
    return this.contracts.length === 0;
  }

  get(name: string): Topic | undefined {
    if (this.#last?.name === name) return this.#last;
    const topic = this.#topics.get(name);
    if (topic !== undefined || !this.open) {
      this.#last = topic;
      return topic;
    }
    if (this.#topics.size >= OPEN_NAMES) this.#topics.clear();
    const made = openTopic(name);
    this.#topics.set(name, made);
    return made;
  }

  /** For what this side does itself: a name that no contract has is the caller's mistake. */
  need(name: string, action: string): Topic {
    const topic = this.get(name);
    if (topic !== undefined) return topic;
    const ids = this.contracts.map((contract) => contract.id).join(", ");
    throw new EventsError("UNKNOWN_EVENT", `Cannot ${action} "${name}": ${ids} does not define it; check the name`, {
      name,
    });
  }

  isDurable(name: string): boolean {
    return this.#topics.get(name)?.event?.policy.delivery === "durable";
  }

  /** Does the pattern name events that are stored? */
  hasDurable(pattern: string): boolean {
    if (!this.#hasStored) return false;
    if (!isPattern(pattern)) return this.isDurable(pattern);
    return this.names().some((name) => this.isDurable(name) && matches(pattern, name));
  }

  /** All names of the contracts, in their order. */
  names(): string[] {
    return this.open ? [] : [...this.#topics.keys()];
  }
}

/** The direction in which `role` may send the topic: as an event before as a command. */
export function ruleFor({ event, command }: Pick<Topic, "event" | "command">, role: string): Rule | undefined {
  if (event !== undefined && (event.from === undefined || event.from.has(role))) return event;
  return command !== undefined && (command.from === undefined || command.from.has(role)) ? command : undefined;
}

function compile(contract: Contract, role: string): Topic[] {
  return Object.entries(contract.table).map(([name, entry]) => {
    let event: Rule | undefined;
    let command: Rule | undefined;
    for (const def of defsOf(entry)) {
      if (def.kind === "event") event = eventRule(name, def, contract);
      else command = commandRule(name, def);
    }
    return { name, contract: contract.id, event, command, own: ruleFor({ event, command }, role) };
  });
}

function eventRule(name: string, def: EventDef<unknown>, contract: Contract): Rule {
  const {
    from,
    to,
    needs,
    needsToHear,
    delivery = "reliable",
    key,
    everyMs,
    lane = "main",
    queue,
    maxBytes,
  } = def.options;
  const flushes = Object.entries(contract.table).flatMap(([other, entry]) =>
    defsOf(entry).flatMap((row) =>
      row.kind === "event" && row.options.endsWith?.includes(name) === true
        ? [{ name: other, keyOf: keyReader(row.options.key) }]
        : [],
    ),
  );
  const policy: SendPolicy = {
    name,
    delivery,
    lane,
    maxBytes: maxBytes ?? DEFAULT_MAX_BYTES,
    ...(delivery === "latest" && key !== undefined ? { keyOf: keyReader(key) } : {}),
    ...(everyMs === undefined ? {} : { everyMs }),
    ...(flushes.length === 0 ? {} : { flushes }),
    ...(queue === undefined ? {} : { queue }),
  };
  const check = checker(name, def.payload, "INVALID_PAYLOAD");
  return {
    ...bare(name, "event", policy),
    from: roles(from),
    to: roles(to),
    needs,
    needsToHear,
    check,
    streams: streamFieldsOf(def.payload),
  };
}

function commandRule(name: string, def: CommandDef<unknown, unknown>): Rule {
  const { from, to, needs, idempotent = false, timeoutMs = DEFAULT_TIMEOUT_MS, lane = "control" } = def.options;
  const policy: SendPolicy = { name, delivery: "reliable", lane, maxBytes: def.options.maxBytes ?? DEFAULT_MAX_BYTES };
  return {
    ...bare(name, "command", policy),
    from: roles(from),
    to: roles(to),
    needs,
    idempotent,
    timeoutMs,
    check: checker(name, def.input, "INVALID_PAYLOAD"),
    checkReply: checker(name, def.reply, "INVALID_REPLY"),
    streams: streamFieldsOf(def.input),
    replyStreams: streamFieldsOf(def.reply),
  };
}

function openTopic(name: string): Topic {
  const policy: SendPolicy = { name, delivery: "reliable", lane: "main", maxBytes: DEFAULT_MAX_BYTES };
  const event = bare(name, "event", policy);
  return { name, contract: undefined, event, command: bare(name, "command", policy), own: event };
}

function bare(name: string, kind: Rule["kind"], policy: SendPolicy): Rule {
  return {
    ...newLine<Meta>(name),
    kind,
    policy,
    delivery: policy.delivery,
    from: undefined,
    to: undefined,
    needs: undefined,
    needsToHear: undefined,
    check: asIs,
    checkReply: asIs,
    idempotent: false,
    timeoutMs: DEFAULT_TIMEOUT_MS,
    ownMeta: undefined,
  };
}

function roles(list: readonly string[] | undefined): ReadonlySet<string> | undefined {
  return list && new Set(list);
}

/** Text that is equal for equal values of the key fields. */
function keyReader(key: string | readonly string[] | undefined): (data: unknown) => string {
  const fields = typeof key === "string" ? [key] : (key ?? []);
  return (data) => {
    let text = "";
    for (const field of fields) {
      const has = typeof data === "object" && data !== null && Object.hasOwn(data, field);
      const value: unknown = has ? Reflect.get(data, field) : undefined;
      text += `${typeof value}:${String(value)}\n`;
    }
    return text;
  };
}

export function checker(name: string, schema: Schema<unknown>, code: EventsErrorCode): Check {
  const action = code === "INVALID_REPLY" ? "use the reply to" : "accept";
  const refuse = (why: string, issues: unknown, cause?: unknown): never => {
    throw new EventsError(code, `Cannot ${action} "${name}": ${why}`, { name, issues }, { cause });
  };
  return (data) => {
    let result: ReturnType<(typeof schema)["~standard"]["validate"]>;
    try {
      result = schema["~standard"].validate(data);
    } catch (fault) {
      return refuse("its schema threw while validating; fix the schema", [], fault);
    }
    if (isThenable(result)) {
      result.then(undefined, () => undefined);
      return refuse("its schema validates asynchronously; use a synchronous schema", []);
    }
    if (result.issues === undefined) return result.value;
    const issues = result.issues.slice(0, 10).map(({ message, path = [] }) => ({
      path: path.map((step) => String(typeof step === "object" ? step.key : step)).join("."),
      message,
    }));
    return refuse(
      `${issues.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)).join("; ")}; send what the contract says`,
      issues,
    );
  };
}
