/**
 * How a node is defined, and what it is given when it runs. Types only, but for `defineNode` and `port`: a user's node
 * package imports nothing else of the runtime.
 */
import { z } from "zod";

/**
 * What a second run of the same attempt does to the world; it decides what happens after a crash.
 * pure: nothing, and it reads nothing. read: reads. idempotent: the same again, under its key. write: something else.
 */
export type Effect = "pure" | "read" | "idempotent" | "write";
export type RunsOn = "inline" | "thread" | "process" | "sandbox";

/** A file or large value in the blob store; `$blob` is `sha256:<hex>` of its bytes. */
export interface BlobRef {
  $blob: string;
  /** Bytes. */
  size: number;
  /** Media type. */
  type: string;
  name?: string;
}

export interface PortDef<T, M extends "value" | "stream" = "value"> {
  readonly schema: z.ZodType<T>;
  readonly mode: M;
  readonly required: boolean;
  /** Takes a list of wires; the node gets an array in wire order, `empty` ones left out. */
  readonly multi: boolean;
  /** The type that wires are checked by, as Blueprint files write it: `list<object>`, `file`, `any`. */
  readonly type: string;
  readonly description?: string;
}
export type Ports = Record<string, PortDef<any, "value" | "stream">>;

type InVal<P> = P extends PortDef<infer T, infer M> ? (M extends "stream" ? AsyncIterable<T> : T) : never;
type ItemOf<P> = P extends PortDef<infer T, any> ? T : never;
type StreamKeys<O> = { [K in keyof O]: O[K] extends PortDef<any, "stream"> ? K : never }[keyof O];
type ValueOut<O> = { [K in keyof O as O[K] extends PortDef<any, "stream"> ? never : K]?: ItemOf<O[K]> };

export interface SpawnOptions {
  cwd?: string;
  env?: Record<string, string>;
  stdin?: Uint8Array;
  /** Each chunk as it arrives, for logs. The whole is in the result. */
  onOutput?: (stream: "stdout" | "stderr", text: string) => void;
}
export interface SpawnResult {
  code: number | null;
  signal: string | null;
  stdout: BlobRef;
  stderr: BlobRef;
}

export interface BlobAccess {
  put(data: Uint8Array | AsyncIterable<Uint8Array>, options?: { type?: string; name?: string }): Promise<BlobRef>;
  open(ref: BlobRef): AsyncIterable<Uint8Array>;
  /** A local file with its bytes, for native tools. Read only. */
  path(ref: BlobRef): Promise<string>;
}

export type LogLevel = "debug" | "info" | "warn" | "error";
/** `stream`: the line is one of a program, which wrote it there. */
export type Log = (message: string, data?: unknown, from?: { readonly stream?: "stdout" | "stderr" }) => void;

/** What `run` gets. Valid until the attempt settles; afterwards every call is dropped and counted. */
export interface NodeContext<I extends Ports, O extends Ports, C> {
  readonly executionId: string;
  /** `each[sku-12]/thumb/resize`. */
  readonly path: string;
  /** 1 to n. */
  readonly attempt: number;
  /** Host deaths survived. */
  readonly recovery: number;
  /** Equal across attempts, recoveries and take-overs of this instance. */
  readonly idempotencyKey: string;
  /** Owner epoch: pass it to systems that can check it. */
  readonly fence: number;
  readonly in: { readonly [K in keyof I]: InVal<I[K]> };
  readonly config: Readonly<C>;
  /** Fires on cancel and on timeout; its reason says which. Give it to everything that waits. */
  readonly signal: AbortSignal;
  /** The folder that relative paths of this Blueprint are read from. */
  readonly cwd: string;
  onConfig(changed: (next: Readonly<C>, keys: (keyof C)[]) => void): void;
  /** One item of a stream port; resolves when there is room for the next. */
  emit<K extends StreamKeys<O>>(port: K, item: ItemOf<O[K]>): Promise<void>;
  /** Items that clients push to this node, until one says that it was the last. Of nodes that run inline. */
  readonly pushed: AsyncIterable<unknown>;
  /** Work done, in the node's own unit. Throttled; the last one is never lost. */
  progress(done: number, total?: number, message?: string): void;
  readonly log: Record<LogLevel, Log>;
  /** Redacted wherever it would show. */
  secret(name: string): Promise<string>;
  readonly blob: BlobAccess;
  /** Runs `work` once; after a crash its recorded result is returned instead. */
  step<T>(key: string, work: () => Promise<T>): Promise<T>;
  heartbeat(state?: unknown): void;
  readonly lastHeartbeat: unknown;
  /** Runs a program in a process group of its own, killed with all its children when the attempt ends. */
  spawn(command: string, args: string[], options?: SpawnOptions): Promise<SpawnResult>;
}

export interface Wait<W> {
  $wait:
    | { for: "input"; schema: unknown; prompt?: string }
    /** `until`: ms since 1970. Left out: `timeoutAt` or `timeoutMs` says it. */
    | { for: "time"; until?: number }
    | { for: "event"; subject: string };
  /** Given to `resume` as it is; plain data. */
  state: W;
  /** When it has waited long enough, ms since 1970: `resume` gets undefined. */
  timeoutAt?: number;
  /** The same, from when it begins to wait. */
  timeoutMs?: number;
}

export interface NodeDef<I extends Ports = Ports, O extends Ports = Ports, S extends z.ZodType = z.ZodType, W = never> {
  /** `core/image.resize`. */
  readonly type: `${string}/${string}`;
  /** Semver; files pin the major: `core/image.resize@1`. */
  readonly version: string;
  readonly title: string;
  readonly category: string;
  readonly icon?: string;
  readonly description?: string;
  readonly inputs: I;
  readonly outputs: O;
  readonly config: S;
  /** One use of it, in YAML: what stands beside `uses:` and its value, as `in: { items: read.rows }`. */
  readonly example?: string;
  /** Config keys whose strings are the node's own language, not `${ JSONata }`: left as they are. */
  readonly rawConfig?: readonly (keyof z.infer<S> & string)[];
  /** Of `rawConfig`: keys whose texts are JSONata as a whole, over `in`, `run`, and where the node goes through items `item` and `index`. Checked with the Blueprint. */
  readonly expressions?: readonly (keyof z.infer<S> & string)[];
  /** That of a use of which nothing more is known: the strongest that it may have. */
  readonly effect: Effect;
  /** Settings by whose values it is weaker: `{ method: { GET: "read" } }`. Other values, and expressions, have `effect`. */
  readonly effectOf?: { readonly [K in keyof z.infer<S> & string]?: Readonly<Record<string, Effect>> };
  /**
   * inline: in the host's own thread. thread, process: in one of the host's pool, which needs `module`. A thread shares
   * the host's process: `process.exit`, a thrown error and its memory limit end the thread alone, a crash of native code
   * ends the host (with `dataDir`: POISON after three). What may crash belongs in a process, which dies by itself.
   */
  readonly runsOn: RunsOn;
  /** Where threads and processes load it: `import.meta.url`, in a module that exports it. */
  readonly module?: string;
  readonly resources?: { cpu?: number; memory?: `${number}Mi`; exclusive?: string };
  readonly liveConfig?: readonly (keyof z.infer<S> & string)[];
  readonly cache?: "never" | "inputs";
  /** Ports that depend on the configuration (switch, merge): asked once, when the Blueprint is compiled. */
  ports?(config: z.infer<S>): { inputs?: Ports; outputs?: Ports };
  /** Inputs that the configuration's expressions may name as `in.x` beyond the declared ones (transform, template). Default false. */
  readonly openInputs?: boolean;
  run(ctx: NodeContext<I, O, z.infer<S>>): Promise<ValueOut<O> | Wait<W>>;
  /** Called when what `run` waited for has come: with the answer, or with undefined when its time was over. */
  resume?(ctx: NodeContext<I, O, z.infer<S>>, value: unknown, state: W): Promise<ValueOut<O> | Wait<W>>;
  migrate?(fromVersion: string, config: unknown): unknown;
}

/** Any node definition, as catalogues hold them. */
export type AnyNodeDef = NodeDef<any, any, any, any>;

/**
 * Defines a node type. Give it to a host with `new Runtime({ nodes: [myNode] })`.
 * @example
 * export const shout = defineNode({
 *   type: "acme/shout", version: "1.0.0", title: "Shout", category: "text", effect: "pure", runsOn: "inline",
 *   inputs: { text: port.value(z.string()) }, outputs: { text: port.value(z.string()) }, config: z.object({}),
 *   async run(ctx) { return { text: ctx.in.text.toUpperCase() } },
 * })
 */
export const defineNode = <I extends Ports, O extends Ports, S extends z.ZodType, W = never>(
  definition: NodeDef<I, O, S, W>,
): NodeDef<I, O, S, W> => definition;

export interface PortOptions {
  /** Default true on inputs. */
  required?: boolean;
  multi?: boolean;
  description?: string;
  /** Left out: derived from the schema. */
  type?: string;
}

const blobSchema: z.ZodType<BlobRef> = z.object({
  $blob: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  size: z.number().int().nonnegative(),
  type: z.string(),
  name: z.string().optional(),
}) as unknown as z.ZodType<BlobRef>;

/** The Blueprint type of a schema, for the wires' check: plain JSON Schema types map to names, the rest is `any`. */
function typeOf(schema: z.ZodType): string {
  let json: { type?: unknown; items?: { type?: unknown } };
  try {
    json = z.toJSONSchema(schema, { unrepresentable: "any", io: "input" }) as typeof json;
  } catch {
    return "any";
  }
  const simple = (type: unknown): string =>
    type === "string" || type === "number" || type === "integer" || type === "boolean"
      ? type
      : type === "object"
        ? "object"
        : "any";
  return json.type === "array" ? `list<${simple(json.items?.type)}>` : simple(json.type);
}

function make<T, M extends "value" | "stream">(
  schema: z.ZodType<T>,
  mode: M,
  options: PortOptions = {},
): PortDef<T, M> {
  return {
    schema,
    mode,
    required: options.required ?? true,
    multi: options.multi ?? false,
    type: options.type ?? (mode === "stream" ? `stream<${typeOf(schema)}>` : typeOf(schema)),
    ...(options.description === undefined ? {} : { description: options.description }),
  };
}

/** Makes ports: `port.value(z.string())`, `port.stream(z.object({}))`, `port.file()`. */
export const port = {
  value: <T>(schema: z.ZodType<T>, options?: PortOptions): PortDef<T, "value"> => make(schema, "value", options),
  stream: <T>(schema: z.ZodType<T>, options?: PortOptions): PortDef<T, "stream"> => make(schema, "stream", options),
  file: (options?: PortOptions): PortDef<BlobRef, "value"> => make(blobSchema, "value", { type: "file", ...options }),
};
