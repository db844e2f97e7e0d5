/** One run in a member, seen from the host: the node's context answers what the member asks. */
import type { AnyNodeDef, BlobRef, NodeContext } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { faultOf, type Fault, type Result } from "./contract.ts";
import { Intake } from "./intake.ts";
import type { Member } from "./member.ts";

/** How a request fails when the other end is gone. */
const LINK_CODES: ReadonlySet<string> = new Set(["OUTCOME_UNKNOWN", "LINK_LOST", "NO_HANDLER", "CLOSED"]);
/** From the end of the link to that of the member. */
const EXIT_MS = 2_000;

type Context = NodeContext<any, any, any>;
type Methods = Record<string, (...args: any[]) => unknown>;

const isStream = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === "object" && value !== null && Symbol.asyncIterator in value;

/** Settles when the member has answered, or has ended. One at a time on a member. */
export async function runOn(member: Member, def: AnyNodeDef, ctx: Context): Promise<unknown> {
  const { bus } = member;
  const streams: AsyncIterable<unknown>[] = [];
  const intakes = new Map<number, Intake>();
  const methods = methodsOf(ctx, (stream) => {
    let intake = intakes.get(stream);
    if (!intake) intakes.set(stream, (intake = new Intake(streams[stream]!)));
    return intake;
  });
  let calls = 0;
  methods["spawn"] = (command: string, args: string[], { hears, ...options }) => {
    const call = calls++;
    return ctx.spawn(command, args, {
      ...options,
      ...(hears === true
        ? { onOutput: (stream: "stdout" | "stderr", text: string) => bus.emit("pool:spawned", { call, stream, text }) }
        : {}),
    });
  };
  const stops = [
    bus.handle("pool:call", async ({ method, args }): Promise<Result> => {
      try {
        return { value: await methods[method]!(...args) };
      } catch (error) {
        return { fault: faultOf(error) };
      }
    }),
    bus.on("pool:tell", ({ method, args }) => {
      if (method === "log") {
        const [level, ...rest] = args;
        ctx.log[level as keyof Context["log"]](...(rest as [string]));
      } else if (method === "progress") ctx.progress(...(args as [number]));
      else ctx.heartbeat(args[0]);
    }),
  ];
  member.onText = (stream, text) => ctx.log.info(text.trimEnd(), undefined, { stream });
  const onAbort = (): void => {
    const reason = ctx.signal.reason as { kind?: string; graceMs?: number };
    bus.emit("pool:abort", {
      reason: faultOf(reason),
      ...(typeof reason?.kind === "string" ? { kind: reason.kind } : {}),
      ...(typeof reason?.graceMs === "number" ? { graceMs: reason.graceMs } : {}),
    });
  };
  ctx.signal.addEventListener("abort", onAbort, { once: true });
  let isOver = false;
  ctx.onConfig((config: unknown, changed) => {
    if (!isOver) bus.emit("pool:config", { config, changed: changed.map(String) });
  });
  try {
    const inputs: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(ctx.in as Record<string, unknown>)) {
      if (isStream(value)) inputs[name] = { stream: streams.push(value) - 1 };
      else if (Array.isArray(value) && value.some(isStream)) {
        inputs[name] = { streams: value.map((one) => streams.push(one as AsyncIterable<unknown>) - 1) };
      } else inputs[name] = { value };
    }
    const { executionId, path, attempt, recovery, idempotencyKey, fence, cwd, lastHeartbeat } = ctx;
    const asked = bus.request("pool:run", {
      module: def.module!,
      type: def.type,
      version: def.version,
      facts: { executionId, path, attempt, recovery, idempotencyKey, fence, cwd, lastHeartbeat },
      inputs,
      config: ctx.config,
    });
    const answer = await asked.catch((error: unknown) => whyItEnded(member, error));
    if ("fault" in answer) throw errorOf(answer.fault);
    return answer.value;
  } finally {
    isOver = true;
    ctx.signal.removeEventListener("abort", onAbort);
    member.onText = () => {};
    for (const stop of stops) stop();
    for (const intake of intakes.values()) intake.close();
  }
}

/** The link goes a moment before the exit is told, which says more. */
async function whyItEnded(member: Member, error: unknown): Promise<never> {
  const { code } = error as { code?: string };
  if (code === undefined || !LINK_CODES.has(code)) throw error;
  const stop = setTimeout(() => void member.kill(), EXIT_MS);
  const why = await member.ended;
  clearTimeout(stop);
  throw why;
}

function methodsOf(ctx: Context, intakeOf: (stream: number) => Intake): Methods {
  const writes = new Map<number, { push: (chunk: Uint8Array) => Promise<void>; end: () => Promise<BlobRef> }>();
  const reads = new Map<number, AsyncIterator<Uint8Array>>();
  let next = 0;
  const steps = new Map<string, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  const methods: Methods = {
    secret: (name: string) => ctx.secret(name),
    emit: async (port: string, items: unknown[]) => {
      for (const item of items) await ctx.emit(port as never, item as never);
    },
    next: (stream: number) => intakeOf(stream).take(),
    leave: (stream: number) => intakeOf(stream).close(),
    blobPut: (bytes: Uint8Array, options) => ctx.blob.put(bytes, options),
    blobBegin: (options) => {
      const id = next++;
      writes.set(
        id,
        pushed((chunks) => ctx.blob.put(chunks, options)),
      );
      return id;
    },
    blobWrite: (id: number, chunk: Uint8Array) => writes.get(id)!.push(chunk),
    blobEnd: (id: number) => writes.get(id)!.end(),
    blobOpen: (ref: BlobRef) => {
      const id = next++;
      reads.set(id, ctx.blob.open(ref)[Symbol.asyncIterator]());
      return id;
    },
    blobRead: async (id: number) => (await reads.get(id)!.next()) as IteratorResult<Uint8Array>,
    blobLeave: async (id: number) => void (await reads.get(id)!.return?.()),
    blobPath: (ref: BlobRef) => ctx.blob.path(ref),
    /** The host keeps the result; the work is the member's. */
    step: (key: string) =>
      new Promise((resolve, reject) => {
        ctx
          .step(key, () => {
            resolve({ runs: true });
            return new Promise((done, fail) => steps.set(key, { resolve: done, reject: fail }));
          })
          .then((result) => resolve({ runs: false, result }), reject);
      }),
    stepDone: (key: string, result: unknown) => steps.get(key)?.resolve(result),
    stepFailed: (key: string, fault: Fault) => steps.get(key)?.reject(errorOf(fault)),
  };
  return methods;
}

/** An async iterable that somebody else fills. */
function pushed(take: (chunks: AsyncIterable<Uint8Array>) => Promise<BlobRef>) {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const done = take(readable as unknown as AsyncIterable<Uint8Array>);
  done.catch((error: unknown) => writer.abort(error));
  writer.closed.catch(() => undefined);
  return {
    push: async (chunk: Uint8Array): Promise<void> => {
      await Promise.race([writer.write(chunk), done.then(() => undefined)]);
    },
    end: async (): Promise<BlobRef> => {
      await writer.close().catch(() => undefined);
      return await done;
    },
  };
}

export function errorOf(fault: Fault): Error {
  const { name, message, stack, node } = fault;
  const error = node === undefined ? new Error(message) : new NodeError(message, node);
  Object.defineProperty(error, "name", { value: name, configurable: true });
  if (stack !== undefined) error.stack = stack;
  return error;
}
