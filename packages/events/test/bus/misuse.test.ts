import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";

import { asyncapi } from "../../src/asyncapi/index.ts";
import { toCloudEvent } from "../../src/cloudevents.ts";
import { compiledCodec } from "../../src/codec/compiled-codec.ts";
import { command, defineContract, event, EventBus, memoryPair } from "../../src/index.ts";
import { SharedBytes, transfer } from "../../src/large/index.ts";
import { log, throttle } from "../../src/middleware/index.ts";
import { trace } from "../../src/middleware/trace.ts";
import { serveBus, webSocketTransport } from "../../src/node.ts";
import { contract, join, make, settle } from "./join.ts";

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
});
afterEach(() => vi.restoreAllMocks());

test("[E-BUS-94] a role that no contract names is refused, with those that there are", async () => {
  const host = make("host");
  const ui = make("ui");
  const [a, b] = memoryPair();
  const link = host.connect(a, { peer: { role: "pagge" } });
  ui.connect(b);
  await expect(link.ready).rejects.toMatchObject({
    code: "REJECTED",
    message: expect.stringMatching(/as "pagge": no contract names this role; known are .*ui/),
  });
  expect(host.faults).toMatchObject([{ code: "REJECTED" }]);
  await Promise.all([host.close(), ui.close()]);
});

test("[E-BUS-94] so is one that authenticate answers", async () => {
  const host = make("host");
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const served = serveBus(host, server, { authenticate: () => ({ role: "pagee", grants: [] }) });
  const ui = make("ui");
  const { port } = server.address() as AddressInfo;
  const link = ui.connect(webSocketTransport(`ws://127.0.0.1:${port}/bus`), { token: "any" });
  await expect(link.ready).rejects.toMatchObject({ code: "REJECTED", message: expect.stringContaining('as "pagee"') });
  expect(host.faults).toMatchObject([{ code: "REJECTED" }]);
  await Promise.all([host.close(), ui.close(), served.close()]);
  server.close();
});

test.each<[string, () => unknown, RegExp]>([
  ["grants as a text", () => make("host").connect(memoryPair()[0], { peer: { grants: "do:it" } }), /use \["do:it"\]/],
  ["a middleware that is a function", () => make("ui").use((() => undefined) as never), /no in, out or local/],
  ["a middleware that was not called", () => make("ui").use(log as never), /call what makes one, as log\(\)/],
  ["no middleware", () => make("ui").use(undefined as never), /no in, out or local/],
  ["an address that is a text", () => make("host").emit("run:log", { n: 1 }, { to: "ui" as never }), /{ role: "ui" }/],
  ["an empty address", () => make("host").emit("run:log", { n: 1 }, { to: {} as never }), /no address/],
  ["codecs that are no list", () => make("ui", { codecs: compiledCodec(contract) as never }), /\[compiledCodec/],
  ["compression that was not called", () => make("ui", { compression: (() => {}) as never }), /call it/],
  ["a throttle below 0", () => throttle({ ms: -1 }), /by -1 ms: use 0 or more/],
  ["a codec of nothing", () => compiledCodec(undefined as never), /compiledCodec\(contract\)/],
  ["a document without title", () => asyncapi(contract, undefined as never), /{ title, version }/],
  ["a CloudEvent of no message", () => toCloudEvent({}, undefined as never), /no name and origin/],
  ["a trace of nothing", () => trace(undefined as never), /@opentelemetry\/api/],
  ["a transfer of a text", () => transfer("abc" as never), /no bytes/],
  ["shared bytes of a text", () => SharedBytes.from("abc" as never), /no bytes/],
])("[E-BUS-94] %s is refused where it is given, with what would work", (_what, use, text) => {
  expect(use).toThrow(text);
});

test("[E-BUS-94] a request to what is no address is refused", async () => {
  await expect(make("ui").request("run:ask", { n: 1 }, { to: "host" as never })).rejects.toThrow(/{ role: "host" }/);
});

test("[E-REQ-30] NO_HANDLER says how many links there are, and why the last one ended", async () => {
  const host = make("host");
  const ui = make("ui");
  const ask = () => ui.request("run:ask", { n: 1 }).catch((fault: unknown) => fault);
  expect(await ask()).toMatchObject({
    code: "NO_HANDLER",
    message: expect.stringContaining("has no link; connect one"),
  });
  const { links } = await join(host, ui);
  expect(await ask()).toMatchObject({ code: "NO_HANDLER", message: expect.stringContaining("the 1 link;") });
  links[0].close("the work is done");
  await settle();
  expect(JSON.parse(JSON.stringify(links[1].state))).toMatchObject({ why: { message: expect.stringMatching(/./) } });
  expect(await ask()).toMatchObject({
    code: "NO_HANDLER",
    message: expect.stringMatching(/has no link \(the last one ended: .+\)/),
  });
});

test("[E-REQ-30] CANCELLED has the reason of the signal as its cause", async () => {
  const ui = make("ui");
  const reason = new Error("the user left");
  const aborted = AbortSignal.abort(reason);
  await expect(ui.request("run:ask", { n: 1 }, { signal: aborted })).rejects.toMatchObject({ cause: reason });
  await expect(ui.next("run:log", { signal: aborted })).rejects.toMatchObject({ code: "CANCELLED", cause: reason });
  const host = make("host");
  host.handle("run:ask", () => new Promise(() => {}));
  await join(host, ui);
  const cancel = new AbortController();
  const asked = ui.request("run:ask", { n: 1 }, { signal: cancel.signal });
  cancel.abort(reason);
  await expect(asked).rejects.toMatchObject({ code: "CANCELLED", cause: reason });
  await Promise.all([host.close(), ui.close()]);
});

test("[E-REQ-30] what cannot be sent is named, and a Promise is to be awaited", async () => {
  const any = defineContract("any@1", {
    "any:told": event(z.any(), { from: ["host"], to: ["ui"], maxBytes: 100 }),
    "any:do": command(z.any(), z.any(), { from: ["host"], to: ["ui"] }),
  });
  const faults: unknown[] = [];
  const host = new EventBus({ contract: any, role: "host", onError: (fault) => faults.push(fault) });
  const ui = new EventBus({ contract: any, role: "ui" });
  ui.on("any:told", () => undefined);
  ui.handle("any:do", () => expect.unreachable());
  await join(host as never, ui as never);
  host.emit("any:told", { cb: () => undefined });
  host.emit("any:told", { text: "x".repeat(1_000) });
  expect(faults).toMatchObject([
    { code: "UNCLONEABLE", message: expect.stringContaining('Cannot send "cb" of "any:told": it is a function') },
    {
      code: "LIMIT",
      message: expect.stringContaining('Cannot send a payload of "any:told"'),
      details: { name: "any:told" },
    },
  ]);
  await expect(host.request("any:do", { late: Promise.resolve() })).rejects.toMatchObject({
    code: "UNCLONEABLE",
    message: 'Cannot send "late" of "any:do": it is a Promise; await it first',
  });
  const cycle: { it?: unknown } = {};
  cycle.it = cycle;
  await expect(host.request("any:do", cycle)).rejects.toMatchObject({
    code: "LIMIT",
    message: expect.stringMatching(/^.{1,80} of "any:do": .*a cycle/),
  });
  await Promise.all([host.close(), ui.close()]);
});
