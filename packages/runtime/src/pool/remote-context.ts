/** A node's context inside a member: what it calls is done by the host. */
import type { BlobRef, Log, LogLevel, NodeContext } from "../blueprint/define-node.ts";
import { faultOf } from "./contract.ts";

/** Items that wait for the host to take them. */
const BATCH = 64;

export interface HostCalls {
  /** A method of the node's context on the host. */
  call(method: string, ...args: unknown[]): Promise<any>;
  tell(method: "log" | "progress" | "heartbeat", ...args: unknown[]): void;
  /** Hears what the spawned program `call` writes; returns what stops it. */
  onSpawned(hear: (call: number, stream: "stdout" | "stderr", text: string) => void): () => void;
}

export interface RemoteContext {
  readonly ctx: NodeContext<any, any, any>;
  /** The host has changed its configuration. */
  reconfigure(config: unknown, changed: string[]): void;
  /** The node has ended: what it emitted without waiting is sent first. */
  flush(): Promise<void>;
}

type Given = { value: unknown } | { stream: number } | { streams: number[] };

export function remoteContext(
  host: HostCalls,
  facts: Record<string, any>,
  inputs: Record<string, Given>,
  config: unknown,
  signal: AbortSignal,
): RemoteContext {
  const say =
    (level: LogLevel): Log =>
    (message, data, from) =>
      host.tell("log", level, String(message), data, from);
  const outlets = new Map<string, Outbound>();
  const configListeners: ((next: any, changed: any[]) => void)[] = [];
  let spawns = 0;
  const values: Record<string, unknown> = {};
  for (const [name, given] of Object.entries(inputs)) {
    if ("stream" in given) values[name] = inbound(host, given.stream);
    else if ("streams" in given) values[name] = given.streams.map((stream) => inbound(host, stream));
    else values[name] = given.value;
  }
  const ctx: NodeContext<any, any, any> = {
    executionId: facts["executionId"],
    path: facts["path"],
    attempt: facts["attempt"],
    recovery: facts["recovery"],
    idempotencyKey: facts["idempotencyKey"],
    fence: facts["fence"],
    cwd: facts["cwd"],
    lastHeartbeat: facts["lastHeartbeat"],
    in: values as never,
    get config() {
      return config as never;
    },
    signal,
    get pushed(): never {
      throw new TypeError("Cannot take pushed items in a thread or process: give the node type runsOn inline");
    },
    onConfig: (hear) => void configListeners.push(hear),
    emit(port, item) {
      let outlet = outlets.get(String(port));
      if (!outlet) outlets.set(String(port), (outlet = new Outbound(host, String(port))));
      return outlet.put(item);
    },
    progress: (...args) => host.tell("progress", ...args),
    log: { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error") },
    secret: (name) => host.call("secret", name),
    blob: {
      async put(data, options) {
        if (data instanceof Uint8Array) return (await host.call("blobPut", data, options)) as BlobRef;
        const id: unknown = await host.call("blobBegin", options);
        for await (const chunk of data) await host.call("blobWrite", id, chunk);
        return (await host.call("blobEnd", id)) as BlobRef;
      },
      async *open(ref) {
        const id: unknown = await host.call("blobOpen", ref);
        let isDone = false;
        try {
          for (;;) {
            const next = (await host.call("blobRead", id)) as IteratorResult<Uint8Array, undefined>;
            if (next.done === true) {
              isDone = true;
              return;
            }
            yield next.value;
          }
        } finally {
          if (!isDone) await host.call("blobLeave", id);
        }
      },
      path: (ref) => host.call("blobPath", ref),
    },
    async step(key, work) {
      const known = (await host.call("step", key)) as { runs: boolean; result?: unknown };
      if (!known.runs) return known.result as never;
      try {
        const result = await work();
        await host.call("stepDone", key, result);
        return result;
      } catch (error) {
        await host.call("stepFailed", key, faultOf(error));
        throw error;
      }
    },
    heartbeat: (state) => host.tell("heartbeat", state),
    async spawn(command, args, { onOutput, ...options } = {}) {
      const own = spawns++;
      const stop = onOutput && host.onSpawned((call, stream, text) => call === own && onOutput(stream, text));
      try {
        return await host.call("spawn", command, args, { ...options, hears: onOutput !== undefined });
      } finally {
        stop?.();
      }
    },
  };
  return {
    ctx,
    reconfigure(next, changed) {
      config = next;
      for (const hear of configListeners) {
        try {
          hear(next, changed);
        } catch (error) {
          host.tell("log", "error", `onConfig: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
    },
    async flush() {
      for (const outlet of outlets.values()) await outlet.flush();
    },
  };
}

/** Items go to the host in batches: one under way, one that gathers. */
class Outbound {
  readonly #host: HostCalls;
  readonly #port: string;
  #items: unknown[] = [];
  #sending: Promise<void> | undefined;
  #error: { readonly error: unknown } | undefined;

  constructor(host: HostCalls, port: string) {
    this.#host = host;
    this.#port = port;
  }

  async put(item: unknown): Promise<void> {
    while (this.#items.length >= BATCH && !this.#error) await this.#send();
    if (this.#error) throw this.#error.error;
    this.#items.push(item);
    void this.#send();
  }

  async flush(): Promise<void> {
    while (this.#items.length > 0 && !this.#error) await this.#send();
    await this.#sending;
    if (this.#error) throw this.#error.error;
  }

  #send(): Promise<void> {
    return (this.#sending ??= (async () => {
      // A turn later: what is emitted now goes along.
      await Promise.resolve();
      const items = this.#items;
      this.#items = [];
      try {
        await this.#host.call("emit", this.#port, items);
      } catch (error) {
        this.#error = { error };
      }
      this.#sending = undefined;
      if (this.#items.length > 0 && !this.#error) void this.#send();
    })());
  }
}

async function* inbound(host: HostCalls, stream: number): AsyncGenerator<unknown, undefined> {
  let isDone = false;
  try {
    for (;;) {
      const { items, done } = (await host.call("next", stream)) as { items: unknown[]; done: boolean };
      if (done) {
        isDone = true;
        return;
      }
      yield* items;
    }
  } finally {
    if (!isDone) await host.call("leave", stream);
  }
}
