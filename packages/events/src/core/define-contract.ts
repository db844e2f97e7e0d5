import { checkEntry, checkRows } from "./contract-sanity.ts";
import type {
  CommandDef,
  CommandOptions,
  Contract,
  ContractEntry,
  ContractTable,
  EventDef,
  EventOptions,
  Schema,
} from "./contract.ts";
import { isThenable } from "./emitter.ts";
import { canonicalJson, hash64 } from "./hash.ts";
import { agreed, jsonSchemaOf } from "./json-schema.ts";

/**
 * One row of a contract: an event. Delivery is `reliable` unless `options.delivery` says otherwise.
 *
 * @example event(z.object({ percent: z.number() }), { from: ["host"], to: ["ui"], delivery: "latest" })
 */
export function event<T>(payload: Schema<T>, options: EventOptions = {}): EventDef<T> {
  return { kind: "event", payload, options };
}

/**
 * One row of a contract: a command, that is a request with a typed reply. Times out after 30,000 ms by default.
 *
 * @example command(ExecuteInput, ExecuteReply, { from: ["ui"], to: ["host"], needs: "execute:blueprint" })
 */
export function command<I, R>(input: Schema<I>, reply: Schema<R>, options: CommandOptions = {}): CommandDef<I, R> {
  return { kind: "command", input, reply, options };
}

/**
 * The table of events that buses agree on: names, schemas, directions, rights, delivery. `id` is `name@major`.
 *
 * Throws a TypeError for what can never work: an unknown option, a `key` that the payload does not have, an
 * `endsWith` that names no event, an asynchronous schema.
 *
 * @example
 * export const contract = defineContract("runtime@1", {
 *   "runtime:execute": command(Input, Reply, { from: ["ui"], to: ["host"] }),
 *   "runtime:progress": event(Progress, { from: ["host"], to: ["ui"], delivery: "latest", key: "executionId" }),
 * });
 */
export function defineContract<const T extends ContractTable>(id: string, table: T): Contract<T> {
  if (!/^[a-z][\w.-]*@\d+$/i.test(id)) {
    throw new TypeError(`Cannot define contract "${id}": the id is not name@major; use one like "runtime@1"`);
  }
  for (const [name, entry] of Object.entries(table)) {
    checkRows(id, name, entry);
    for (const schema of schemasOf(entry)) refuseAsync(id, name, schema);
    checkEntry(id, name, entry, table);
  }
  const facts = Object.entries(table).map(([name, entry]) => [name, defsOf(entry).map(factsOf)] as const);
  facts.sort(([a], [b]) => (a < b ? -1 : 1));
  return { id, table, hash: hash64(canonicalJson({ id, facts })) };
}

export function defsOf(entry: ContractEntry): readonly (EventDef<unknown> | CommandDef<unknown, unknown>)[] {
  return "kind" in entry ? [entry] : entry;
}

function schemasOf(entry: ContractEntry): readonly Schema<unknown>[] {
  return defsOf(entry).flatMap((def) => (def.kind === "event" ? [def.payload] : [def.input, def.reply]));
}

/** Most asynchronous schemas show themselves on one of these; the rest answers INVALID_PAYLOAD when it is used. */
const PROBES: readonly unknown[] = [undefined, null, "", 0, true, {}, []];

function refuseAsync(id: string, name: string, schema: Schema<unknown>): void {
  for (const probe of PROBES) {
    let result: unknown;
    try {
      result = schema["~standard"].validate(probe);
    } catch {
      continue; // A validator that throws is caught where it is used, with the payload at hand.
    }
    if (!isThenable(result)) continue;
    result.then(undefined, () => undefined);
    throw new TypeError(
      `Cannot define "${name}" of contract "${id}": its schema validates asynchronously; use a synchronous schema and check the rest in the handler`,
    );
  }
}

/** What both sides must agree on. Queue sizes and prose are each side's own business. */
function factsOf(def: EventDef<unknown> | CommandDef<unknown, unknown>): unknown {
  const { from, to, needs, lane } = def.options;
  const common = { kind: def.kind, from: from && [...from].sort(), to: to && [...to].sort(), needs, lane };
  if (def.kind === "event") {
    const { delivery = "reliable", key, everyMs, endsWith, needsToHear } = def.options;
    const keys = typeof key === "string" ? [key] : key;
    return {
      ...common,
      needsToHear,
      delivery,
      keys,
      everyMs,
      endsWith: endsWith && [...endsWith].sort(),
      payload: shape(def.payload),
    };
  }
  return { ...common, idempotent: def.options.idempotent ?? false, input: shape(def.input), reply: shape(def.reply) };
}

function shape(schema: Schema<unknown>): unknown {
  return agreed(jsonSchemaOf(schema) ?? null);
}
