/** Streams inside payloads, as the bus sees them: what moves them comes with the schema, so that only users of it load it. */
import type { Clock } from "./clock.ts";
import type { Schema } from "./contract.ts";
import type { EventsError } from "./errors.ts";

/** `item`, `end` and `fail` go with the stream, `pull` and `stop` against it. */
export type FlowStep = "item" | "end" | "fail" | "pull" | "stop";

/** Where a stream stands: the event or command, and the field of its payload or reply. */
export interface StreamPlace {
  readonly name: string;
  readonly field: string;
}

/** One link, as its streams see it. */
export interface StreamHost {
  readonly clock: Clock;
  /** Throws what makes `data` impossible to send. */
  send(step: Exclude<FlowStep, "fail">, id: number, data: unknown): void;
  /** Tells the reader what ended the stream, and this side where the reader must not know. */
  fail(id: number, fault: unknown, place: StreamPlace): void;
  /** Resolves when less waits for the peer; undefined where there is room now. */
  room(): Promise<void> | undefined;
}

/** Figures of one link, as they are now. */
export interface StreamGauges {
  /** Streams that the peer reads, or may still read, and those that are read from it. */
  readonly given: number;
  readonly taken: number;
  /** Came, and waits for its reader. */
  readonly bufferedBytes: number;
}

/** The streams of one session. */
export interface LinkStreams {
  /** The number that stands for `source` on the wire; 0 where it has a reader already. Throws LIMIT. */
  give(source: unknown, place: StreamPlace): number;
  /** The stream behind a number of the peer's. Throws PROTOCOL or LIMIT. */
  take(id: unknown): AsyncIterable<unknown>;
  said(step: FlowStep, id: number, data: unknown): void;
  /** Both ends of each stream learn of it. */
  end(why: EventsError): void;
  gauges(): StreamGauges;
}

export interface StreamFields {
  readonly names: readonly string[];
  readonly open: (host: StreamHost) => LinkStreams;
}

/** Where a schema tells of its stream fields. */
export const STREAM_FIELDS: unique symbol = Symbol.for("atomiton:streams") as never;

/** Undefined for schemas of plain data, which are most. */
export function streamFieldsOf(schema: Schema<unknown>): StreamFields | undefined {
  return (schema as { readonly [STREAM_FIELDS]?: StreamFields })[STREAM_FIELDS];
}
