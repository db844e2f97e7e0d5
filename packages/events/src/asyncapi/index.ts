/** A contract as an AsyncAPI 3 document: for its generators, viewers and readers. */
import type { CommandDef, Contract, EventDef } from "../core/contract.ts";
import { defsOf } from "../core/define-contract.ts";
import { Schemas } from "./schemas.ts";

export interface AsyncApiServer {
  /** With its port, without a scheme: `127.0.0.1:4040`. */
  readonly host: string;
  /** `ws`, `wss`, `electron`, … */
  readonly protocol: string;
  readonly pathname?: string;
  readonly description?: string;
}

export interface AsyncApiOptions {
  readonly title: string;
  /** Of the program that is described. */
  readonly version: string;
  readonly description?: string;
  readonly servers?: Readonly<Record<string, AsyncApiServer>>;
  /**
   * The document describes a program of this role: what it sends and what it receives. Left out: what any role sends, each
   * name once.
   */
  readonly role?: string;
}

/** Plain data, ready for `JSON.stringify`. */
export interface AsyncApiDocument {
  readonly asyncapi: "3.0.0";
  readonly info: Readonly<Record<string, unknown>>;
  readonly defaultContentType: string;
  readonly servers?: Readonly<Record<string, unknown>>;
  readonly channels: Readonly<Record<string, unknown>>;
  readonly operations: Readonly<Record<string, unknown>>;
  readonly components: {
    readonly messages: Readonly<Record<string, unknown>>;
    readonly schemas: Readonly<Record<string, unknown>>;
  };
}

type Table = Record<string, unknown>;

/**
 * Describes a contract: a channel for each name, a message for each payload, an operation for each direction, commands with
 * their reply. Rights, delivery and the roles stand in `x-atomiton`. A schema that offers no JSON Schema is described as
 * anything. Throws TypeError for a role that the contract does not name.
 *
 * @example writeFileSync("api.json", JSON.stringify(asyncapi(contract, { title: "Runtime", version: "1.0.0", role: "host" })));
 */
export function asyncapi(contract: Contract, options: AsyncApiOptions): AsyncApiDocument {
  const { title, version, description, servers, role } =
    (options as AsyncApiOptions | undefined) ?? ({} as AsyncApiOptions);
  if (typeof title !== "string" || typeof version !== "string")
    throw new TypeError(`Cannot describe "${contract.id}": it needs { title, version } of the program`);
  const rows = Object.entries(contract.table).flatMap(([name, entry]) => defsOf(entry).map((def) => ({ name, def })));
  const roles = new Set(rows.flatMap(({ def }) => [...(def.options.from ?? []), ...(def.options.to ?? [])]));
  if (role !== undefined && roles.size > 0 && !roles.has(role)) {
    throw new TypeError(
      `Cannot describe "${contract.id}" for role "${role}": it names ${[...roles].join(", ")}; choose one of them`,
    );
  }
  const [channels, operations, messages, schemas] = [{} as Table, {} as Table, {} as Table, new Schemas()];
  const ids = new Ids();
  for (const { name, def } of rows) {
    const id = ids.of(name);
    // A name that is a command one way and an event the other shares its channel.
    const key = def.kind === "event" ? id : ids.of(`${name}.request`);
    messages[key] = {
      name,
      payload: schemas.add(key, def.kind === "event" ? def.payload : def.input),
      "x-atomiton": factsOf(def),
    };
    const channel = (channels[id] ??= { address: name, messages: {} }) as { messages: Table };
    channel.messages[key] = { $ref: `#/components/messages/${key}` };
    const reply = def.kind === "command" ? replyTo(name, def, { ids, channels, messages, schemas }) : {};
    for (const action of actionsOf(def, role)) {
      operations[ids.of(`${action}.${key}`)] = {
        action,
        channel: { $ref: `#/channels/${id}` },
        messages: [{ $ref: `#/channels/${id}/messages/${key}` }],
        ...reply,
      };
    }
  }
  return {
    asyncapi: "3.0.0",
    info: {
      title,
      version,
      ...(description === undefined ? {} : { description }),
      "x-atomiton": { contract: contract.id, hash: contract.hash },
    },
    defaultContentType: "application/json",
    ...(servers === undefined ? {} : { servers: { ...servers } }),
    channels,
    operations,
    components: { messages, schemas: schemas.all },
  };
}

interface Making {
  readonly ids: Ids;
  readonly channels: Table;
  readonly messages: Table;
  readonly schemas: Schemas;
}

/** The answer goes back to whoever asked: its channel has no address. */
function replyTo(name: string, def: CommandDef<unknown, unknown>, { ids, channels, messages, schemas }: Making): Table {
  const id = ids.of(`${name}.reply`);
  messages[id] = { name: `${name} reply`, payload: schemas.add(id, def.reply) };
  channels[id] = { address: null, messages: { [id]: { $ref: `#/components/messages/${id}` } } };
  return {
    reply: { channel: { $ref: `#/channels/${id}` }, messages: [{ $ref: `#/channels/${id}/messages/${id}` }] },
  };
}

function actionsOf(
  { options: { from, to } }: EventDef<unknown> | CommandDef<unknown, unknown>,
  role: string | undefined,
): string[] {
  if (role === undefined) return ["send"];
  const may = (list: readonly string[] | undefined): boolean => list === undefined || list.includes(role);
  return [...(may(from) ? ["send"] : []), ...(may(to) ? ["receive"] : [])];
}

function factsOf(def: EventDef<unknown> | CommandDef<unknown, unknown>): Table {
  const { from, to, needs } = def.options;
  const own =
    def.kind === "event"
      ? { delivery: def.options.delivery ?? "reliable", key: def.options.key, needsToHear: def.options.needsToHear }
      : { idempotent: def.options.idempotent ?? false };
  const facts = { kind: def.kind, from, to, needs, ...own };
  return Object.fromEntries(Object.entries(facts).filter(([, fact]) => fact !== undefined));
}

/** Names of a contract as keys that AsyncAPI takes: other characters become a dot, and what then is alike gets a number. */
class Ids {
  readonly #byName = new Map<string, string>();
  readonly #taken = new Set<string>();

  of(name: string): string {
    let id = this.#byName.get(name);
    if (id !== undefined) return id;
    const plain = name.replaceAll(/[^\w-]+/g, ".") || "_";
    id = plain;
    for (let n = 2; this.#taken.has(id); n++) id = `${plain}-${n}`;
    this.#taken.add(id);
    this.#byName.set(name, id);
    return id;
  }
}
