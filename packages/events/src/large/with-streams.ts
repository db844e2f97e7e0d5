import type { Schema } from "../core/contract.ts";
import { isThenable } from "../core/emitter.ts";
import { EventsError } from "../core/errors.ts";
import { agreed, jsonSchemaOf } from "../core/json-schema.ts";
import { STREAM_FIELDS, type StreamFields } from "../core/stream-fields.ts";
import { linkStreams } from "./link-streams.ts";
import { isStream, OneReader } from "./one-reader.ts";

/** The payload of `withStreams`: `T`, and a stream of items for each field. */
export type WithStreams<T, F extends Readonly<Record<string, Schema<any>>>> = (T extends Record<string, never>
  ? unknown
  : T) & {
  readonly [K in keyof F]: AsyncIterable<F[K] extends Schema<infer Item> ? Item : never>;
};

/**
 * The schema of a payload or reply that has streams among its top-level fields. Whoever sends it puts a
 * `ReadableStream` or any async iterable there; whoever receives it reads an async iterable, item by item, as fast as
 * it likes: the sender is asked for more only then (512 KiB are under way), and leaving the loop cancels its source.
 * Each item is checked on both sides: a bad one ends the stream with INVALID_PAYLOAD, before anybody sees it.
 *
 * A stream has one reader, so that it goes with a request or a reply, or with a `reliable` event that one peer hears.
 * The second reader gets STREAM_TAKEN. A link that ends, ends it with LINK_LOST or CLOSED; nobody who begins to read it
 * within a minute, with TIMEOUT. At most 1,024 are open on a link, each way.
 *
 * Throws TypeError for a field without a schema.
 *
 * @example
 * "file:read": command(
 *   z.object({ path: z.string() }),
 *   withStreams(z.object({ bytes: z.number() }), { content: z.instanceof(Uint8Array) }),
 * )
 * const { content } = await bus.request("file:read", { path });
 * for await (const part of content) await file.write(part);
 */
export function withStreams<T, const F extends Readonly<Record<string, Schema<any>>>>(
  rest: Schema<T>,
  fields: F,
): Schema<WithStreams<T, F>> {
  const names = Object.keys(fields);
  for (const name of names) {
    if (typeof fields[name]?.["~standard"]?.validate !== "function") {
      throw new TypeError(`Cannot define a stream "${name}": it has no schema for its items; give it one`);
    }
  }
  const streams: StreamFields = { names, open: linkStreams };
  return {
    [STREAM_FIELDS]: streams,
    "~standard": {
      version: 1,
      vendor: "atomiton",
      validate(data: unknown) {
        const { kept, found } = split(data, names);
        const result = rest["~standard"].validate(kept);
        if (isThenable(result)) return result as never;
        if (result.issues !== undefined) return result;
        const missing = names.filter((name) => !isStream(found[name]));
        if (missing.length > 0) {
          const message = "is no stream; give a ReadableStream or an async iterable";
          return { issues: missing.map((name) => ({ message, path: [name] })) };
        }
        const value: Record<string, unknown> = { ...(result.value as object) };
        for (const name of names) value[name] = new OneReader(found[name], checker(name, fields[name] as Schema<any>));
        return { value: value as WithStreams<T, F> };
      },
      jsonSchema: { input: () => describe(rest, fields) },
    },
  } as Schema<WithStreams<T, F>>;
}

function split(data: unknown, names: readonly string[]): { kept: unknown; found: Record<string, unknown> } {
  if (typeof data !== "object" || data === null) return { kept: data, found: {} };
  const kept: Record<string, unknown> = { ...data };
  const found: Record<string, unknown> = {};
  for (const name of names) {
    if (Object.hasOwn(kept, name)) found[name] = kept[name];
    delete kept[name];
  }
  return { kept, found };
}

function checker(name: string, schema: Schema<unknown>): (item: unknown) => unknown {
  const refuse = (why: string): never => {
    throw new EventsError("INVALID_PAYLOAD", `Cannot accept an item of stream "${name}": ${why}`, { stream: name });
  };
  return (item) => {
    const result = schema["~standard"].validate(item);
    if (isThenable(result)) {
      result.then(undefined, () => undefined);
      return refuse("its schema validates asynchronously; use a synchronous schema");
    }
    if (result.issues === undefined) return result.value;
    return refuse(`${result.issues[0]?.message ?? "its schema refuses it"}; send what the contract says`);
  };
}

/** For the contract's hash: both sides agree on the items too. */
function describe(rest: Schema<unknown>, fields: Readonly<Record<string, Schema<any>>>): Record<string, unknown> {
  const items = Object.entries(fields).map(([name, schema]) => [name, agreed(jsonSchemaOf(schema) ?? {})]);
  return { ...jsonSchemaOf(rest), "x-streams": Object.fromEntries(items) };
}
