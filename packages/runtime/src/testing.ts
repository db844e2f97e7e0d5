/** The test kit for nodes: runs one node alone, with a real blob store and real processes, without a Blueprint. */
import { openBlobStore } from "./blobs/blob-store.ts";
import type { BlobStore } from "./blobs/blob-store.ts";
import type { AnyNodeDef, BlobRef, Log, LogLevel, NodeContext, Ports, Wait } from "./blueprint/define-node.ts";
import { NodeError } from "./errors.ts";
import { spawnGroup } from "./process/spawn-group.ts";

export interface RunNodeOptions {
  /** Port to value; for a stream port an array or an async iterable of its items. */
  in?: Record<string, unknown>;
  /** As a Blueprint gives it, expressions resolved; defaults are filled in. */
  config?: Record<string, unknown>;
  signal?: AbortSignal;
  /** Default: the current folder of the process. */
  cwd?: string;
  secrets?: Record<string, string>;
  /** Default: a store in memory of its own. */
  blobs?: BlobStore;
  attempt?: number;
  /** What clients push. */
  pushed?: Iterable<unknown> | AsyncIterable<unknown>;
  /** Hears each item as it is emitted; what it returns is what `emit` waits for, as it does for slow readers. */
  onItem?: (port: string, item: any) => void | Promise<void>;
  /** Hears each line of the log as it is written. */
  onLog?: (line: RunNodeResult["logs"][number]) => void;
}

export interface RunNodeResult {
  /** Value ports that the node set. */
  outputs: Record<string, unknown>;
  /** Set when the node asked to wait instead of ending. */
  wait?: Wait<unknown>;
  /** Stream port to the items it emitted, in order. */
  items: Record<string, unknown[]>;
  logs: { level: LogLevel; message: string; data?: unknown; stream?: "stdout" | "stderr" }[];
  /** Every report, unthrottled. */
  progress: { done: number; total?: number; message?: string }[];
  blobs: BlobStore;
  /** All bytes of a blob as text. */
  text(ref: BlobRef): Promise<string>;
}

/**
 * Runs a node once. Inputs, configuration and outputs are checked against the node's own schemas, as the engine does.
 * Rejects with what the node throws, and with `NodeError` of class `config` (code `CONFIG`) or `user` (code
 * `INVALID_INPUT`, `INVALID_OUTPUT`) when a schema refuses.
 * @example
 * const { outputs } = await runNode(shout, { in: { text: "hi" } });
 * expect(outputs.text).toBe("HI");
 */
export async function runNode(def: AnyNodeDef, options: RunNodeOptions = {}): Promise<RunNodeResult> {
  const blobs = options.blobs ?? openBlobStore({ memory: true });
  const signal = options.signal ?? new AbortController().signal;
  const config = check(def, "CONFIG", "configuration", def.config, options.config ?? {}) as Record<string, unknown>;
  const dynamic = def.ports?.(config);
  const inputs: Ports = { ...def.inputs, ...dynamic?.inputs };
  const outputPorts: Ports = { ...def.outputs, ...dynamic?.outputs };
  const result: RunNodeResult = {
    outputs: {},
    items: {},
    logs: [],
    progress: [],
    blobs,
    text: async (ref) => {
      const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
      let text = "";
      for await (const chunk of blobs.open(ref)) text += decoder.decode(chunk, { stream: true });
      return text + decoder.decode();
    },
  };
  const say =
    (level: LogLevel): Log =>
    (message, data, from) => {
      const line = { level, message, ...(data === undefined ? {} : { data }), ...from };
      result.logs.push(line);
      options.onLog?.(line);
    };

  const context: NodeContext<any, any, any> = {
    executionId: "test",
    path: "node",
    attempt: options.attempt ?? 1,
    recovery: 0,
    idempotencyKey: "test/node",
    fence: 1,
    in: resolveInputs(def, inputs, options.in ?? {}),
    config,
    signal,
    cwd: options.cwd ?? process.cwd(),
    onConfig: () => undefined,
    async emit(port, item) {
      const declared = outputPorts[port as string];
      if (declared?.mode !== "stream") {
        throw new TypeError(`Cannot emit to "${String(port)}" of ${def.type}: it is not a stream port`);
      }
      check(def, "INVALID_OUTPUT", `item on "${String(port)}"`, declared.schema, item);
      (result.items[port as string] ??= []).push(item);
      await options.onItem?.(port as string, item);
    },
    pushed: iterate(options.pushed ?? []),
    progress: (done, total, message) =>
      void result.progress.push({
        done,
        ...(total === undefined ? {} : { total }),
        ...(message === undefined ? {} : { message }),
      }),
    log: { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error") },
    async secret(name) {
      const value = options.secrets?.[name];
      if (value === undefined) throw new TypeError(`Cannot read the secret "${name}": give it in \`secrets\``);
      return value;
    },
    blob: blobs,
    step: (_key, work) => work(),
    heartbeat: () => undefined,
    lastHeartbeat: undefined,
    spawn: (command, args, more) => spawnGroup(command, args, { ...more, blobs, signal }),
  };

  for (const [name, port] of Object.entries(outputPorts)) if (port.mode === "stream") result.items[name] = [];
  const returned = await def.run(context);
  if ("$wait" in returned) return { ...result, wait: returned as Wait<unknown> };
  result.outputs = returned as Record<string, unknown>;
  for (const [name, value] of Object.entries(result.outputs)) {
    const port = outputPorts[name];
    if (!port) throw new TypeError(`Cannot set the output "${name}" of ${def.type}: it has no such port`);
    check(def, "INVALID_OUTPUT", `output "${name}"`, port.schema, value);
  }
  return result;
}

function resolveInputs(def: AnyNodeDef, ports: Ports, given: Record<string, unknown>): Record<string, unknown> {
  const resolved: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    const port = ports[name];
    if (!port && !def.openInputs) throw new TypeError(`Cannot set the input "${name}" of ${def.type}: no such port`);
    if (port?.mode === "stream") resolved[name] = iterate(value as Iterable<unknown> | AsyncIterable<unknown>);
    else if (port?.multi) resolved[name] = value;
    else resolved[name] = port ? check(def, "INVALID_INPUT", `input "${name}"`, port.schema, value) : value;
  }
  for (const [name, port] of Object.entries(ports)) {
    if (port.required && !(name in given)) {
      throw new NodeError(`Cannot run ${def.type}: its input "${name}" is missing; give it`, {
        code: "INVALID_INPUT",
        class: "user",
        retryable: false,
      });
    }
  }
  return resolved;
}

async function* iterate(items: Iterable<unknown> | AsyncIterable<unknown>): AsyncGenerator<unknown> {
  yield* items;
}

function check(def: AnyNodeDef, code: string, what: string, schema: AnyNodeDef["config"], value: unknown): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = (parsed.error.issues as { path: PropertyKey[]; message: string }[])
    .map(({ path, message }) => (path.length === 0 ? message : `${path.map(String).join(".")}: ${message}`))
    .join("; ");
  throw new NodeError(`Cannot run ${def.type}: its ${what} does not fit: ${issues}`, {
    code,
    class: code === "CONFIG" ? "config" : "user",
    retryable: false,
  });
}
