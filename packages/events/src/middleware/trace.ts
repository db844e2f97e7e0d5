/**
 * Spans for what passes a bus, and the trace that joins them across processes: a span of its own for each event and
 * request that leaves (producer, client) and for each that comes in (consumer, server), its child there. Listeners and
 * handlers run inside of it. Only the `traceparent` of W3C travels.
 */
import type { Middleware, Passing } from "../bus/event-bus.ts";

interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
}

interface Span {
  spanContext(): SpanContext;
  setStatus(status: { code: number; message?: string }): unknown;
  end(): void;
}

/** The part of `@opentelemetry/api` that is used: hand in the module itself. */
export interface Tracing<C = any> {
  readonly trace: {
    getTracer(name: string): {
      startSpan(name: string, options: { kind: number; attributes: Record<string, string> }, context: C): Span;
    };
    setSpan(context: C, span: any): C;
    setSpanContext(context: C, spanContext: SpanContext & { isRemote: boolean }): C;
  };
  readonly context: {
    active(): C;
    with<R>(context: C, run: () => R): R;
  };
}

// As OpenTelemetry numbers them.
const SERVER = 1;
const CLIENT = 2;
const PRODUCER = 3;
const CONSUMER = 4;
const ERROR = 2;

/**
 * Without an SDK that is registered, OpenTelemetry makes no spans, and this layer costs next to nothing. A request's span
 * ends with its answer and has the error's code; an event's span ends when its synchronous listeners have run.
 *
 * @example
 * import * as otel from "@opentelemetry/api";
 * events.use(trace(otel));
 */
export function trace(tracing: Tracing): Middleware {
  if (typeof (tracing as Tracing | undefined)?.trace?.getTracer !== "function")
    throw new TypeError("Cannot trace: there is no OpenTelemetry API; use trace(api) with * of @opentelemetry/api");
  const tracer = tracing.trace.getTracer("@atomiton/events");
  const run = (
    message: Passing,
    kind: number,
    parent: unknown,
    next: () => void | Promise<void>,
  ): void | Promise<void> => {
    const { name, meta, onSettled } = message;
    const attributes = {
      "messaging.system": "atomiton",
      "messaging.destination.name": name,
      "atomiton.role": meta.origin.role,
    };
    const span = tracer.startSpan(`${VERB[kind]} ${name}`, { kind, attributes }, parent);
    if (kind === CLIENT || kind === PRODUCER) {
      const header = traceparentOf(span.spanContext());
      if (header !== undefined) message.trace = header;
    }
    onSettled?.((failure) => {
      if (failure !== undefined) span.setStatus({ code: ERROR, message: failure.code });
      span.end();
    });
    const end = (): void => {
      if (onSettled === undefined) span.end();
    };
    const fail = (fault: unknown): never => {
      // A request ends by its answer, also by this one.
      if (onSettled === undefined) span.setStatus({ code: ERROR });
      end();
      throw fault;
    };
    let done: void | Promise<void>;
    try {
      done = tracing.context.with(tracing.trace.setSpan(parent, span), next);
    } catch (fault) {
      return fail(fault);
    }
    if (done === undefined) end();
    return done?.then(end, fail);
  };
  return {
    out: (message, next) =>
      run(message, message.kind === "request" ? CLIENT : PRODUCER, tracing.context.active(), next),
    in(message, next) {
      const remote = readTraceparent(message.meta.trace);
      const active = tracing.context.active();
      const parent = remote === undefined ? active : tracing.trace.setSpanContext(active, remote);
      return run(message, message.kind === "request" ? SERVER : CONSUMER, parent, next);
    },
  };
}

const VERB: Readonly<Record<number, string>> = {
  [CLIENT]: "request",
  [PRODUCER]: "send",
  [SERVER]: "handle",
  [CONSUMER]: "receive",
};

const NO_TRACE = "0".repeat(32);
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string | undefined {
  if (traceId === NO_TRACE) return undefined;
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

/** What a peer sent: anything else than the header is as good as nothing. */
function readTraceparent(header: string | undefined): (SpanContext & { isRemote: boolean }) | undefined {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(header ?? "") ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
}
