import type { CommandDef, ContractEntry, ContractTable, EventDef } from "./contract.ts";
import { jsonSchemaOf } from "./json-schema.ts";
import { streamFieldsOf } from "./stream-fields.ts";

const COMMON = ["from", "to", "needs", "lane", "maxBytes"];
const EVENT = new Set([...COMMON, "needsToHear", "delivery", "key", "everyMs", "endsWith", "queue"]);
const COMMAND = new Set([...COMMON, "idempotent", "timeoutMs"]);
const DELIVERIES = new Set(["volatile", "latest", "reliable", "durable"]);
const LANES = new Set(["control", "main", "bulk"]);
const POLICIES = new Set(["drop-oldest", "latest", "close"]);

/** Refuses rows that no `event(…)` or `command(…)` made, and schemas that are none. */
export function checkRows(id: string, name: string, entry: unknown): void {
  for (const def of (Array.isArray(entry) ? entry : [entry]) as any[]) {
    const schemas = def?.kind === "event" ? [def.payload] : def?.kind === "command" ? [def.input, def.reply] : [];
    const why =
      schemas.length === 0
        ? "it is no event(…) and no command(…); wrap its schema in one"
        : "its schema is no Standard Schema; use one of zod, valibot or arktype";
    if (schemas.length === 0 || schemas.some((schema) => typeof schema?.["~standard"]?.validate !== "function"))
      throw new TypeError(`Cannot define "${name}" of contract "${id}": ${why}`);
  }
}

/** Refuses what can never work, when the contract is defined: TypeError with the row, the value and the way out. */
export function checkEntry(id: string, name: string, entry: ContractEntry, table: ContractTable): void {
  const refuse = (why: string): never => {
    throw new TypeError(`Cannot define "${name}" of contract "${id}": ${why}`);
  };
  if (name === "" || name.endsWith("*")) refuse("a name is not empty and does not end in *, which stands for patterns");
  if ("kind" in entry) return entry.kind === "event" ? checkEvent(entry, table, refuse) : checkCommand(entry, refuse);
  const [command, event] = entry;
  if (command?.kind !== "command" || event?.kind !== "event" || entry.length !== 2) {
    refuse("a pair is [command(…), event(…)], in this order");
  }
  const both = command.options.from?.filter((role) => event.options.from?.includes(role) ?? true);
  if (both === undefined || both.length > 0) {
    refuse(`the roles in "from" must tell its command from its event; ${both?.join(", ") ?? "any role"} may send both`);
  }
  checkCommand(command, refuse);
  checkEvent(event, table, refuse);
}

type Refuse = (why: string) => never;

function checkCommon(
  options: EventDef<unknown>["options"] | CommandDef<unknown, unknown>["options"],
  refuse: Refuse,
): void {
  for (const side of ["from", "to"] as const) {
    const roles = options[side];
    if (roles === undefined) continue;
    if (!Array.isArray(roles) || roles.length === 0 || roles.some((role) => typeof role !== "string" || role === "")) {
      refuse(`"${side}" is a list of role names, as ["host"]; leave it out for any role`);
    }
  }
  if (options.needs !== undefined && (typeof options.needs !== "string" || options.needs === "")) {
    refuse(`"needs" is a right, as "execute:blueprint"`);
  }
  const hear: unknown = (options as EventDef<unknown>["options"]).needsToHear;
  if (hear !== undefined && (typeof hear !== "string" || hear === "")) {
    refuse(`"needsToHear" is a right, as "read:execution"`);
  }
  if (options.lane !== undefined && !LANES.has(options.lane)) {
    refuse(`lane "${options.lane}" does not exist; use control, main or bulk`);
  }
  if (options.maxBytes !== undefined) checkPositive("maxBytes", options.maxBytes, refuse);
}

function checkCommand({ options }: CommandDef<unknown, unknown>, refuse: Refuse): void {
  checkKnown(options, COMMAND, refuse);
  checkCommon(options, refuse);
  if (options.timeoutMs !== undefined) checkPositive("timeoutMs", options.timeoutMs, refuse);
}

function checkEvent({ options, payload }: EventDef<unknown>, table: ContractTable, refuse: Refuse): void {
  checkKnown(options, EVENT, refuse);
  checkCommon(options, refuse);
  const { delivery = "reliable", key, everyMs, endsWith, queue } = options;
  if (!DELIVERIES.has(delivery))
    refuse(`delivery "${delivery}" does not exist; use volatile, latest, reliable or durable`);
  if (streamFieldsOf(payload) !== undefined && delivery !== "reliable") {
    refuse(`its payload has streams, which a ${delivery} event cannot carry; leave its delivery "reliable"`);
  }
  for (const [option, value] of Object.entries({ key, everyMs, endsWith })) {
    if (value !== undefined && delivery !== "latest") {
      refuse(`"${option}" works with delivery "latest" alone, and this one is "${delivery}"`);
    }
  }
  if (delivery === "durable" && (options.lane ?? "main") !== "main") {
    refuse(`"lane" of a durable event is "main": stored and new ones follow each other in one lane`);
  }
  if (everyMs !== undefined) checkPositive("everyMs", everyMs, refuse);
  const fields = typeof key === "string" ? [key] : (key ?? []);
  checkFields(fields, payload, "its payload", refuse);
  for (const name of endsWith ?? []) {
    const ending = Object.hasOwn(table, name) ? table[name] : undefined;
    const event = ending === undefined ? undefined : "kind" in ending ? ending : ending[1];
    if (event?.kind !== "event") refuse(`"endsWith" names "${name}", which is no event of this contract`);
    else checkFields(fields, event.payload, `the payload of "${name}", which ends it`, refuse);
  }
  if (queue !== undefined) {
    checkPositive("queue.max", queue.max, refuse);
    if (queue.maxBytes !== undefined) checkPositive("queue.maxBytes", queue.maxBytes, refuse);
    if (!POLICIES.has(queue.whenFull))
      refuse(`queue.whenFull "${queue.whenFull}" does not exist; use drop-oldest, latest or close`);
  }
}

/** Where the schema shows its fields as JSON Schema; a union or an open object may have them all the same. */
function checkFields(
  fields: readonly string[],
  schema: EventDef<unknown>["payload"],
  whose: string,
  refuse: Refuse,
): void {
  if (fields.length === 0) return;
  const properties: unknown = jsonSchemaOf(schema)?.["properties"];
  if (typeof properties !== "object" || properties === null) return;
  const missing = fields.find((field) => !Object.hasOwn(properties, field));
  if (missing === undefined) return;
  refuse(`key "${missing}" is no field of ${whose}: it has ${Object.keys(properties).join(", ") || "none"}`);
}

function checkKnown(options: object, known: ReadonlySet<string>, refuse: Refuse): void {
  for (const option of Object.keys(options)) {
    if (!known.has(option)) refuse(`option "${option}" does not exist; known are ${[...known].join(", ")}`);
  }
}

function checkPositive(option: string, value: unknown, refuse: Refuse): void {
  if (!Number.isSafeInteger(value) || (value as number) <= 0)
    refuse(`"${option}" is ${String(value)}; use a whole number above 0`);
}
