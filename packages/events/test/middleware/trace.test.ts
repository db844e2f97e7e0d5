import { Worker } from "node:worker_threads";

import * as otel from "@opentelemetry/api";
import { afterAll, expect, test } from "vitest";

import { EventBus } from "../../src/index.ts";
import { trace } from "../../src/middleware/index.ts";
import { workerTransport } from "../../src/node.ts";
import { join, settle } from "../bus/join.ts";
import { contract, startTracing, type Seen } from "./fixtures/traced.ts";

const spans = startTracing();
afterAll(() => {
  otel.trace.disable();
  otel.context.disable();
});

const named = (all: readonly Seen[], name: string): Seen => all.find((span) => span.name === name)!;

test("[E-MID-9] one trace joins a request, its handler in another thread, and the event that the handler emits", async () => {
  const worker = new Worker(new URL("fixtures/traced-worker.ts", import.meta.url), {
    execArgv: ["--conditions=@atomiton/source"],
  });
  const ui = new EventBus({ contract, role: "ui", onError: () => undefined });
  try {
    ui.use(trace(otel));
    const inside: (string | undefined)[] = [];
    ui.on("work:done", () => inside.push(otel.trace.getActiveSpan()?.spanContext().traceId));
    await ui.connect(workerTransport(worker), { peer: { role: "host" } }).ready;
    const tracer = otel.trace.getTracer("test");
    const traceId = await tracer.startActiveSpan("click", async (span) => {
      await ui.request("work:do", { n: 1 });
      await expect(ui.request("work:fail", {})).rejects.toMatchObject({ code: "HANDLER_FAILED" });
      span.end();
      return span.spanContext().traceId;
    });
    const here = spans();
    const there = (await ui.request("work:spans", {})).spans as Seen[];
    const [click, asked, handled, sent, received] = [
      named(here, "click"),
      named(here, "request work:do"),
      named(there, "handle work:do"),
      named(there, "send work:done"),
      named(here, "receive work:done"),
    ];
    expect([asked.parent, handled.parent, sent.parent, received.parent]).toEqual([
      click.id,
      asked.id,
      handled.id,
      sent.id,
    ]);
    expect([asked.isRemote, handled.isRemote, sent.isRemote, received.isRemote]).toEqual([false, true, false, true]);
    expect([asked, handled, sent, received].map(({ kind }) => kind)).toEqual([
      otel.SpanKind.CLIENT,
      otel.SpanKind.SERVER,
      otel.SpanKind.PRODUCER,
      otel.SpanKind.CONSUMER,
    ]);
    expect(
      new Set([...here, ...there.filter(({ name }) => name.includes("work:do"))].map((span) => span.traceId)),
    ).toEqual(new Set([traceId]));
    expect(inside).toEqual([traceId]);
    expect([named(here, "request work:fail").status, named(there, "handle work:fail").status]).toEqual([
      otel.SpanStatusCode.ERROR,
      otel.SpanStatusCode.ERROR,
    ]);
  } finally {
    await ui.close();
    await worker.terminate();
  }
});

test("[E-MID-10] a bus in the middle passes the trace on; what is no traceparent begins a trace of its own", async () => {
  const make = (role: "ui" | "host") => new EventBus({ contract, role, onError: () => undefined });
  const [host, far] = [make("host"), make("ui")];
  // The bus in the middle knows nothing of traces.
  const hub = make("ui");
  await join(
    hub as never,
    host as never,
    { peer: { role: "host", routes: true } },
    { peer: { role: "ui", routes: true } },
  );
  await join(
    far as never,
    hub as never,
    { peer: { role: "host", routes: true } },
    { peer: { role: "ui", routes: true } },
  );
  const metas: (string | undefined)[] = [];
  far.on("work:done", (_data, meta) => metas.push(meta.trace));
  host.handle("work:do", ({ n }) => ({ n }));
  await settle();
  const before = spans().length;
  const stop = host.use(trace(otel));
  far.use(trace(otel));
  host.emit("work:done", { n: 1 });
  expect(await far.request("work:do", { n: 2 })).toEqual({ n: 2 });
  await settle();
  const seen = spans().slice(before);
  expect(named(seen, "receive work:done").parent).toBe(named(seen, "send work:done").id);
  expect(named(seen, "handle work:do").parent).toBe(named(seen, "request work:do").id);
  expect(metas[0]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  stop();
  host.use({
    out(message, next) {
      message.trace = "00-garbage";
      return next();
    },
  });
  host.emit("work:done", { n: 3 });
  await settle();
  const last = spans().at(-1)!;
  expect([last.name, last.parent]).toEqual(["receive work:done", undefined]);
  await Promise.all([host, hub, far].map((bus) => bus.close()));
});

test("[E-MID-9] each span ends once, also where another layer throws", async () => {
  const ended: [name: string, status: number | undefined][] = [];
  const tracer = {
    startSpan(name: string) {
      let code: number | undefined;
      return {
        spanContext: () => ({ traceId: "1".repeat(32), spanId: "2".repeat(16), traceFlags: 1 }),
        setStatus: (status: { code: number }) => (code = status.code),
        end: () => ended.push([name, code]),
      };
    },
  };
  const tracing = {
    trace: { getTracer: () => tracer, setSpan: () => undefined, setSpanContext: () => undefined },
    context: { active: () => undefined, with: <R>(_: unknown, run: () => R): R => run() },
  };
  const [host, ui] = (["host", "ui"] as const).map(
    (role) => new EventBus({ contract, role, onError: () => undefined }),
  ) as [EventBus<any, any>, EventBus<any, any>];
  await join(host as never, ui as never, { peer: { role: "ui" } }, { peer: { role: "host" } });
  host.handle("work:do", () => ({ n: 1 }));
  ui.on("work:done", () => undefined);
  await settle();
  const faulty = () => {
    throw new Error("of a layer");
  };
  host.use({ in: faulty, out: faulty });
  host.use(trace(tracing));
  host.emit("work:done", { n: 1 });
  await expect(ui.request("work:do", { n: 1 })).rejects.toMatchObject({ code: "HANDLER_FAILED" });
  expect(ended).toEqual([
    ["send work:done", otel.SpanStatusCode.ERROR],
    ["handle work:do", otel.SpanStatusCode.ERROR],
  ]);
  await Promise.all([host.close(), ui.close()]);
});
