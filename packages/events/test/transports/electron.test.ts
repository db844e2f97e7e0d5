import { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import { MessageChannel as NodeChannel, type MessagePort } from "node:worker_threads";

import { expect, onTestFinished, test } from "vitest";

import { EventBus } from "../../src/bus/bus.ts";
import { joinSurroundings, type Surroundings } from "../../src/bus/environment.ts";
import type { Joining } from "../../src/bus/page-environment.ts";
import { transportContract } from "../../src/testing/transport-contract.ts";
import { servePages, type FrameLike, type ServePagesOptions } from "../../src/transports/electron-main.ts";
import { CHANNEL, electronPort, KNOCK, type UtilityLike } from "../../src/transports/electron-port.ts";
import { pageTransport, type IpcRendererLike } from "../../src/transports/electron-renderer.ts";
import { acceptPages } from "../../src/transports/electron-utility.ts";
import type { CloseCause, ConnectionEvents, Frame, Transport } from "../../src/wire/transport.ts";
import { PortMain } from "./port-main.ts";

/** A window, as main sees it. */
class Contents extends EventEmitter {
  mainFrame: FrameLike = { url: "app://own/", origin: "app://own" };
  getType(): string {
    return "window";
  }
  session = { protocol: { isProtocolHandled: (scheme: string) => scheme === "app" } };
}

/** The page's side of Electron's messages: they come to main later, with the ports as main has them. */
function rendererOf(ipcMain: EventEmitter, sender: Contents, senderFrame = sender.mainFrame): IpcRendererLike {
  return {
    postMessage(channel: string, hello: unknown, ports: MessagePort[]) {
      queueMicrotask(() =>
        ipcMain.emit(channel, { sender, senderFrame, ports: ports.map((port) => new PortMain(port)) }, hello),
      );
    },
  };
}

class Child extends EventEmitter implements UtilityLike {
  readonly parentPort = new EventEmitter();
  postMessage(data: unknown, ports: readonly unknown[]): void {
    this.parentPort.emit("message", { data: structuredClone(data), ports });
  }
}

function recorder(): { frames: Frame[]; closed: Promise<CloseCause>; events: ConnectionEvents } {
  const frames: Frame[] = [];
  let onClose: (cause: CloseCause) => void = () => {};
  const closed = new Promise<CloseCause>((resolve) => (onClose = resolve));
  const events = { onOpen() {}, onDrain() {}, onFrame: (frame: Frame) => void frames.push(frame), onClose };
  return { frames, closed, events };
}

function serving(options: Partial<ServePagesOptions> = {}) {
  const ipcMain = new EventEmitter();
  const contents = new Contents();
  const refusals: string[] = [];
  const accepted: { transport: Transport; peer: unknown }[] = [];
  const pages = servePages({
    ipcMain,
    to: { connect: (transport, { peer }) => accepted.push({ transport, peer }) },
    origins: ["app://own"],
    admits: { role: "ui", grants: ["read:all"] },
    onRefused: (reason) => refusals.push(reason),
    ...options,
  });
  pages.add(contents);
  return { ipcMain, contents, refusals, accepted, pages };
}

/** Opens the page's transport and resolves with how it ended. */
function endOf(ipcRenderer: IpcRendererLike): Promise<CloseCause> {
  const { closed, events } = recorder();
  pageTransport({ ipcRenderer }).open(events);
  return closed;
}

transportContract(
  "MessagePortMain",
  () => {
    const { port1, port2 } = new NodeChannel();
    return { a: electronPort(new PortMain(port1)), b: electronPort(new PortMain(port2)) };
  },
  test,
);

transportContract(
  "Electron page",
  () => {
    const ipcMain = new EventEmitter();
    const contents = new Contents();
    let accept: (transport: Transport) => void = () => {};
    const accepted = new Promise<Transport>((resolve) => (accept = resolve));
    servePages({ ipcMain, to: { connect: accept }, origins: ["app://own"] }).add(contents);
    const late: Transport = {
      name: "electron",
      medium: "clone",
      redials: false,
      open(events) {
        const opened = accepted.then((transport) => transport.open(events));
        let connection: Awaited<typeof opened> | undefined;
        void opened.then((ready) => (connection = ready));
        return { send: (frame) => connection!.send(frame), close: (reason) => connection?.close(reason) };
      },
    };
    return { a: pageTransport({ ipcRenderer: rendererOf(ipcMain, contents) }), b: late };
  },
  test,
);

test("[E-EL-2] the page's port reaches the bus with what main decided, and nothing of the page's own words", async () => {
  const { ipcMain, contents, accepted } = serving();
  const bus = new EventBus({ connect: false });
  onTestFinished(() => bus.close());
  bus.connect(pageTransport({ ipcRenderer: rendererOf(ipcMain, contents), contracts: ["a@1"] })).ready.catch(() => {});
  await Promise.resolve();
  expect(accepted).toMatchObject([{ peer: { role: "ui", grants: ["read:all"] }, transport: { name: "electron" } }]);
});

test("[E-EL-4] another origin, another window, a frame: each is refused with its reason, and closed", async () => {
  const { ipcMain, contents, refusals, accepted } = serving();
  const frame: FrameLike = { url: "app://own/frame", origin: "app://own" };
  const foreign = new Contents();
  const gone = new Contents();
  Object.defineProperty(gone, "mainFrame", {
    get() {
      throw new Error("Render frame was disposed before WebFrameMain could be accessed");
    },
  });
  const ends = [
    await endOf(rendererOf(ipcMain, contents, frame)),
    await endOf(rendererOf(ipcMain, foreign)),
    await endOf(rendererOf(ipcMain, gone, frame)),
    await endOf(rendererOf(ipcMain, contents, null as never)),
  ];
  contents.mainFrame = { url: "https://evil.example/", origin: "https://evil.example" };
  ends.push(await endOf(rendererOf(ipcMain, contents)));
  for (const end of ends) expect(end).toMatchObject({ kind: "refused", mayRetry: false });
  expect(refusals).toEqual([
    "it is not the main frame of its window",
    "nobody here serves its window",
    "it is not the main frame of its window",
    "it is not the main frame of its window",
    "its origin is not one of the app's own (app://own)",
  ]);
  expect(accepted).toEqual([]);
});

test("[E-EL-4] a page that `admits` does not admit is refused", async () => {
  const { ipcMain, contents, refusals } = serving({
    admits: ({ url }) => (url.endsWith("/in") ? { grants: [] } : undefined),
  });
  expect(await endOf(rendererOf(ipcMain, contents))).toMatchObject({ kind: "refused" });
  expect(refusals).toEqual(["the app does not admit it"]);
});

test("[E-EL-6] a page whose preload says nothing ends its wait, and names the preload", async () => {
  const posted: unknown[] = [];
  const page = { location: { origin: "app://own" }, postMessage: (...said: unknown[]) => posted.push(said[0]) };
  Object.assign(globalThis, page);
  onTestFinished(() => {
    for (const name of Object.keys(page)) Reflect.deleteProperty(globalThis, name);
  });
  const { closed, events } = recorder();
  pageTransport({ preloadTimeoutMs: 1, contracts: ["a@1"] }).open(events);
  const end = await closed;
  expect(posted).toEqual([{ atomiton: CHANNEL, contracts: ["a@1"] }]);
  expect(end).toMatchObject({ kind: "failed", mayRetry: false });
  expect(end.reason).toContain("@atomiton/events/electron/preload");
});

test("[E-EL-6] the preload's words are those of the library", () => {
  const preload = readFileSync(new URL("../../src/transports/electron-preload.cts", import.meta.url), "utf8");
  expect(preload).toContain(`postMessage("${CHANNEL}", event.data, [port])`);
  expect(preload).toContain(`event.data?.atomiton !== "${CHANNEL}"`);
  expect(preload).toContain(`port.postMessage(["${KNOCK}"])`);
});

test("[E-EL-11] null is handed to the session as the faulty frame that it is", async () => {
  const { port1, port2 } = new NodeChannel();
  const { frames, events, closed } = recorder();
  electronPort(new PortMain(port1)).open(events);
  const far = new PortMain(port2);
  far.postMessage([1, new SharedArrayBuffer(8)]);
  far.close();
  await closed;
  expect(frames).toEqual([null]);
});

test("[E-EL-12] a view is cut to its size before it is posted, alone or among other frames", async () => {
  const { port1, port2 } = new NodeChannel();
  const { frames, events, closed } = recorder();
  electronPort(new PortMain(port1)).open(events);
  const connection = electronPort(new PortMain(port2)).open(recorder().events);
  const small = (): Buffer => Buffer.from("small");
  const view = new Uint8Array(new ArrayBuffer(8_192), 16, 4);
  expect(small().buffer.byteLength).toBeGreaterThan(5);
  connection.send([0, small()]);
  connection.send([
    [1, small()],
    [2, view],
  ]);
  connection.close();
  await closed;
  const bodies = frames.flat(2).filter((part): part is Uint8Array => part instanceof Uint8Array);
  expect(bodies.map((body) => body.buffer.byteLength)).toEqual([5, 5, 4]);
});

test("[E-EL-17] what was posted before a close arrives before it, and what comes after is dropped in silence", async () => {
  const { port1, port2 } = new NodeChannel();
  const { frames, events, closed } = recorder();
  electronPort(new PortMain(port1)).open(events);
  const far = new PortMain(port2);
  for (let at = 0; at < 5_000; at++) far.postMessage([at]);
  far.close();
  far.postMessage([5_000]);
  await closed;
  expect(frames).toHaveLength(5_000);
  expect(frames.at(-1)).toEqual([4_999]);
});

test("[E-EL-18] a page whose host has ended is told to come again, and gets to the next one", async () => {
  const first = new Child();
  let child: Child | undefined = first;
  const { ipcMain, contents, refusals } = serving({ to: () => child });
  const taken: unknown[] = [];
  const accept = (of: Child): (() => void) =>
    acceptPages({ connect: (transport, { peer }) => taken.push([transport.name, peer]) }, of.parentPort);
  accept(first);
  const renderer = rendererOf(ipcMain, contents);
  pageTransport({ ipcRenderer: renderer }).open(recorder().events);
  await Promise.resolve();
  expect(taken).toEqual([["electron", { role: "ui", grants: ["read:all"] }]]);
  first.emit("exit", 9);
  // Main's own function still names it: what is posted to it would be lost without a word.
  expect(await endOf(renderer)).toMatchObject({
    kind: "gone",
    mayRetry: true,
    reason: expect.stringContaining("ended"),
  });
  child = undefined;
  expect(await endOf(renderer)).toMatchObject({ kind: "gone", mayRetry: true });
  child = new Child();
  accept(child);
  pageTransport({ ipcRenderer: renderer }).open(recorder().events);
  await Promise.resolve();
  expect(taken).toHaveLength(2);
  // That is no refusal: nobody is told.
  expect(refusals).toEqual([]);
});

test("[E-EL-18] a page comes again when its host is gone, and not when it was refused", () => {
  expect(pageTransport().redials).toBe(true);
});

test("[E-EL-19] closing gives back every listener", async () => {
  const { ipcMain, contents, pages } = serving();
  const remove = pages.add(new Contents());
  expect([ipcMain.listenerCount(CHANNEL), contents.listenerCount("destroyed")]).toEqual([1, 1]);
  const other = servePages({ ipcMain, to: () => undefined, origins: [] });
  expect(ipcMain.listenerCount(CHANNEL)).toBe(1);
  remove();
  pages.close();
  pages.close();
  expect([ipcMain.listenerCount(CHANNEL), contents.listenerCount("destroyed")]).toEqual([1, 0]);
  other.close();
  expect(ipcMain.eventNames()).toEqual([]);
  const child = new Child();
  acceptPages({ connect: () => {} }, child.parentPort)();
  expect(child.parentPort.eventNames()).toEqual([]);
});

test("[E-EL-19] a window that was destroyed is forgotten", async () => {
  const { ipcMain, contents, refusals } = serving();
  contents.emit("destroyed");
  expect(contents.eventNames()).toEqual([]);
  await endOf(rendererOf(ipcMain, contents));
  expect(refusals).toEqual(["nobody here serves its window"]);
});

/** A bus of its own, closed with its test, as it sees these surroundings. */
function busIn(here: Surroundings, onAnswer?: (text: unknown) => void): { bus: EventBus; leave: () => void } {
  const bus = new EventBus({ connect: false, onError: () => {} });
  if (onAnswer) bus.on("answer", onAnswer);
  const leave = joinSurroundings(bus as unknown as Joining, here);
  onTestFinished(() => {
    leave();
    return bus.close();
  });
  return { bus, leave };
}

const linksOf = ({ bus }: { bus: EventBus }): number => bus.inspect().links.length;

test("[E-EL-20] anywhere but in Electron and in marked workers a bus stays alone", () => {
  const window = {};
  const pages: Surroundings[] = [
    {},
    { process: { execPath: process.execPath, getBuiltinModule: () => undefined } },
    { process: { type: "utility" } },
    { document: {}, window, top: window, navigator: { userAgent: "Mozilla/5.0 Chrome/130.0.0.0 Safari/537.36" } },
    { document: {}, window, top: {}, navigator: { userAgent: "Mozilla/5.0 Electron/33.2.1 Safari/537.36" } },
  ];
  for (const here of pages) expect(linksOf(busIn(here))).toBe(0);
});

function mainProcess(ipcMain: EventEmitter): Surroundings {
  const electron = { ipcMain, app: { getAppPath: () => "/opt/app" } };
  const modules: Record<string, unknown> = {
    "node:module": { createRequire: () => () => electron },
    "node:url": { pathToFileURL: (path: string) => new URL(`file://${path}`) },
  };
  return { process: { type: "browser", execPath: "/opt/electron", getBuiltinModule: (name) => modules[name] } };
}

function pageOf(ipcMain: EventEmitter, contents: Contents): Surroundings {
  const window = {};
  const load = (): { ipcRenderer: IpcRendererLike } => ({ ipcRenderer: rendererOf(ipcMain, contents) });
  return { document: {}, window, top: window, process: { type: "renderer" }, require: load };
}

test("[E-EL-20] a bus of main listens for pages, and gives its listener back when it closes", () => {
  const ipcMain = new EventEmitter();
  const { leave } = busIn(mainProcess(ipcMain));
  expect(ipcMain.listenerCount(CHANNEL)).toBe(1);
  leave();
  leave();
  expect(ipcMain.eventNames()).toEqual([]);
});

test("[E-EL-20] a bus in a utility process takes the pages that main sends there", async () => {
  const child = new Child();
  const { bus, leave } = busIn({ process: { type: "utility", parentPort: child.parentPort } });
  const { ipcMain, contents } = serving({ to: child, admits: { grants: [] } });
  const answer = new Promise((resolve) => {
    const page = busIn(pageOf(ipcMain, contents), resolve);
    page.bus.emit("ask", "who");
  });
  bus.on("ask", () => bus.emit("answer", "the utility process"));
  expect(await answer).toBe("the utility process");
  leave();
  expect(child.parentPort.eventNames()).toEqual([]);
});

test("[E-EL-15] when the oldest bus of main closes, the others are joined anew, and pages come to the next", async () => {
  const ipcMain = new EventEmitter();
  const main = mainProcess(ipcMain);
  const [oldest, second, third] = [busIn(main), busIn(main), busIn(main)];
  for (const [name, { bus }] of Object.entries({ second, third })) bus.on("ask", () => bus.emit("answer", name));
  expect([oldest, second, third].map(linksOf)).toEqual([2, 1, 1]);
  oldest.leave();
  await oldest.bus.close();
  const heard: unknown[] = [];
  await new Promise<void>((resolve) => {
    const page = busIn(pageOf(ipcMain, new Contents()), (text) => void (heard.push(text) === 2 && resolve()));
    page.bus.emit("ask", "who");
  });
  expect(new Set(heard)).toEqual(new Set(["second", "third"]));
  expect(linksOf(third)).toBe(1);
});

test("[E-EL-21] by itself main lets in files of the app and protocols that it handles, and nothing else", async () => {
  const ipcMain = new EventEmitter();
  const main = busIn(mainProcess(ipcMain));
  const warn = console.warn;
  console.warn = () => {};
  onTestFinished(() => void (console.warn = warn));
  const verdict = async (url: string, type = "window"): Promise<string> => {
    const contents = new Contents();
    contents.mainFrame = { url, origin: new URL(url).origin };
    contents.getType = () => type;
    const before = linksOf(main);
    const { closed, events } = recorder();
    const connection = pageTransport({ ipcRenderer: rendererOf(ipcMain, contents) }).open(events);
    // Main judges when the page's message comes: a microtask later here.
    await Promise.resolve();
    if (linksOf(main) === before) return (await closed).kind;
    connection.close();
    return "let in";
  };
  const verdicts: string[] = [];
  for (const url of [
    "app://studio/",
    "file:///opt/app/index.html",
    "file:///opt/application/index.html",
    "file:///home/user/index.html",
    "https://app.example/",
    "http://localhost:5173/",
    "data:text/html,hello",
    "other://studio/",
  ]) {
    verdicts.push(await verdict(url));
  }
  expect(verdicts).toEqual(["let in", "let in", ...Array.from({ length: 6 }, () => "refused")]);
  expect(await verdict("app://studio/", "webview")).toBe("refused");
});
