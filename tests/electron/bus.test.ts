/** Buses in the processes of a real Electron app. */
import { join } from "node:path";

import type { Page } from "playwright";
import { expect, test } from "vitest";

import { out } from "./build.ts";
import type { Fixture, WindowOptions } from "./fixtures/bus/main.ts";
import type { TestPage } from "./fixtures/bus/page.ts";
import { launch, type Launched } from "./launch.ts";

type InMain = { fixture: Fixture };
type InPage = { page: TestPage; dialled: ReturnType<TestPage["dial"]> };

const OWN = "app://own/";

interface Started extends Launched {
  readonly open: (url: string, options?: WindowOptions) => Promise<Page>;
  readonly inMain: <T>(run: (fixture: Fixture) => T) => Promise<Awaited<T>>;
}

async function start(where: "utility" | "main" | "nowhere", grants: string[] = []): Promise<Started> {
  const launched = await launch([join(out, "bus")]);
  const { app } = launched;
  await app.evaluate(({ app }) => app.whenReady());
  const fixture = await app.evaluateHandle(() => (globalThis as unknown as InMain).fixture);
  if (where !== "nowhere") {
    await fixture.evaluate((fixture, [where, grants]) => fixture.serve(where, grants), [where, grants] as const);
  }
  return {
    ...launched,
    async open(url, options = {}) {
      const opened = app.waitForEvent("window");
      await fixture.evaluate((fixture, [url, options]) => fixture.open(url, options), [url, options] as const);
      const page = await opened;
      await page.waitForLoadState();
      return page;
    },
    inMain: (run) => fixture.evaluate(run as never) as never,
  };
}

/** Dials in the page, and waits until both sides know each other. */
const connect = (page: Page): Promise<{ pid: number; process: string }> =>
  page.evaluate(async () => {
    const here = globalThis as unknown as InPage;
    here.dialled = here.page.dial();
    await here.dialled.link.ready;
    return here.dialled.bus.request("test:echo", "hello");
  });

const echo = (page: Page): Promise<{ pid: number; process: string }> =>
  page.evaluate(() => (globalThis as unknown as InPage).dialled.bus.request("test:echo", "hello"));

/** Dials in the page, and waits for the refusal. */
const refused = (page: Page, preloadTimeoutMs?: number): Promise<{ code: string; message: string }> =>
  page.evaluate((ms) => (globalThis as unknown as InPage).page.dial(ms).ended, preloadTimeoutMs);

const hostLinks = (page: Page): Promise<{ links: { state: { at: string } }[]; faults: string[] }> =>
  page.evaluate(() => (globalThis as unknown as InPage).dialled.bus.request("test:links", 0));

test("[E-EL-2] a page speaks with a utility process, and main is no part of it", async () => {
  const { open, inMain } = await start("utility");
  const page = await open(OWN);
  const answer = await connect(page);
  expect(answer.process).toBe("utility");
  expect(answer.pid).toBe(await inMain((fixture) => fixture.child!.pid!));
  expect(await inMain((fixture) => fixture.main.inspect().links.length)).toBe(0);
});

test("[E-EL-2] a page speaks with a bus of main", async () => {
  const { open } = await start("main");
  expect((await connect(await open(OWN))).process).toBe("browser");
});

test("[E-EL-3] main decides what a page may do", async () => {
  const ask = (page: Page): Promise<unknown> =>
    page.evaluate(() =>
      (globalThis as unknown as InPage).dialled.bus
        .request("test:guarded", 0)
        .catch((error: { code: string }) => error.code),
    );
  const without = await start("utility");
  const poor = await without.open(OWN);
  await connect(poor);
  expect(await ask(poor)).toBe("DENIED");
  const withRight = await start("utility", ["test:guarded"]);
  const rich = await withRight.open(OWN);
  await connect(rich);
  expect(await ask(rich)).toBe("let in");
});

test("[E-EL-4] a foreign origin, a window that was not registered and a frame are refused, and the page is told", async () => {
  const { open, inMain } = await start("utility");
  const foreign = await refused(await open("app://foreign/"));
  expect(foreign).toMatchObject({ code: "REJECTED", message: expect.stringContaining("origin") });
  const unknown = await refused(await open(OWN, { register: false }));
  expect(unknown).toMatchObject({ code: "REJECTED", message: expect.stringContaining("window") });
  // Only such windows have the preload in frames at all.
  const framed = await open("app://own/frame", { nodeIntegrationInSubFrames: true });
  const [, frame] = framed.frames();
  await frame!.waitForFunction(() => "page" in globalThis);
  const inFrame = await frame!.evaluate(() => (globalThis as unknown as InPage).page.dial().ended);
  expect(inFrame).toMatchObject({ code: "REJECTED", message: expect.stringContaining("main frame") });
  expect(await inMain((fixture) => fixture.refusals)).toHaveLength(3);
});

test("[E-EL-4] what is no single port is refused", async () => {
  const { app, open, inMain } = await start("utility");
  await open(OWN);
  await app.evaluate(({ ipcMain, webContents }) => {
    const [sender] = webContents.getAllWebContents();
    ipcMain.emit("atomiton:connect", { sender, senderFrame: sender!.mainFrame, ports: [] }, {});
  });
  expect(await inMain((fixture) => fixture.refusals)).toEqual(["it sent 0 ports in place of one"]);
});

test("[E-EL-5] the preload adds nothing that a page could see", async () => {
  const { open } = await start("utility");
  const names = (page: Page): Promise<string[]> => page.evaluate(() => Object.getOwnPropertyNames(globalThis).sort());
  const withPreload = await open(OWN);
  const without = await open(OWN, { preload: "" });
  expect(await names(withPreload)).toEqual(await names(without));
});

test("[E-EL-6] a window without the preload is told so, and no longer waits", async () => {
  const { open } = await start("utility");
  const end = await refused(await open(OWN, { preload: "" }), 200);
  expect(end).toMatchObject({
    code: "LINK_LOST",
    message: expect.stringContaining("@atomiton/events/electron/preload"),
  });
});

test("[E-EL-7] a reload is a new session: the old one's links are gone, events come once", async () => {
  const { open } = await start("utility");
  const page = await open(OWN);
  for (let round = 0; round < 3; round++) {
    await connect(page);
    const heard = await page.evaluate(async () => {
      const { bus } = (globalThis as unknown as InPage).dialled;
      const heard: unknown[] = [];
      const all = new Promise<void>((resolve) => {
        bus.on("test:tick", (tick) => void (heard.push(tick.at) === 100 && resolve()));
      });
      await bus.request("test:ticks", { count: 100 });
      await all;
      // One more round trip: what came twice would have come by now.
      await bus.request("test:echo", 0);
      return heard;
    });
    expect(heard).toEqual(Array.from({ length: 100 }, (_, at) => at));
    const { links } = await hostLinks(page);
    expect(links.map(({ state }) => state.at)).toEqual(["open"]);
    if (round < 2) await page.reload();
  }
});

test("[E-EL-7] a hash navigation keeps the link", async () => {
  const { open } = await start("utility");
  const page = await open(OWN);
  await connect(page);
  await page.evaluate(() => (location.hash = "elsewhere"));
  await echo(page);
  expect(await page.evaluate(() => (globalThis as unknown as InPage).dialled.states)).toEqual(["dialing", "open"]);
});

test("[E-EL-8] a port never reaches the origin that a window went on to", async () => {
  const { open, inMain } = await start("utility");
  const page = await open(OWN);
  await connect(page);
  await page.evaluate(() => {
    // Dials, and is gone before main can have answered.
    (globalThis as unknown as InPage).page.dial();
    location.href = "app://foreign/";
  });
  await page.waitForURL("app://foreign/");
  const heard = await page.evaluate(async () => {
    const heard: unknown[] = [];
    addEventListener("message", (event) => heard.push(event.ports.length));
    // It asks itself, and is refused: what main had for it would have come before that.
    const end = await (globalThis as unknown as InPage).page.dial().ended;
    return { code: end.code, ports: heard.filter((count) => count !== 1) };
  });
  expect(heard).toEqual({ code: "REJECTED", ports: [] });
  expect(await inMain((fixture) => fixture.refusals)).toHaveLength(1);
});

test("[E-EL-9] a page that crashed leaves no open link, and the window's next page is let in", async () => {
  const { app, open } = await start("utility");
  const page = await open(OWN);
  await connect(page);
  const next = app.evaluate(
    ({ webContents }) =>
      new Promise<void>((resolve) => {
        const [contents] = webContents.getAllWebContents();
        contents!.once("render-process-gone", () => {
          contents!.once("did-finish-load", () => resolve());
          contents!.reload();
        });
        contents!.forcefullyCrashRenderer();
      }),
  );
  await next;
  const links = await app.evaluate(
    ({ webContents }) =>
      webContents.getAllWebContents()[0]!.executeJavaScript(`(async () => {
        const { bus, link } = page.dial();
        await link.ready;
        return (await bus.request("test:links", 0)).links.map(({ state }) => state.at);
      })()`) as Promise<string[]>,
  );
  expect(links).toEqual(["open"]);
});

test("[E-EL-10] when the utility process is killed, pages come to the next one by themselves", async () => {
  const { open, inMain } = await start("utility");
  const page = await open(OWN);
  const before = await connect(page);
  await inMain(
    (fixture) =>
      new Promise<void>((resolve) => {
        fixture.child!.once("exit", () => {
          fixture.fork();
          resolve();
        });
        process.kill(fixture.child!.pid!, "SIGKILL");
      }),
  );
  // What was asked of the one that died may end either way; what is asked after it, the next one answers.
  await page.evaluate(async () => {
    const { link, states } = (globalThis as unknown as InPage).dialled;
    if (states.filter((at) => at === "open").length > 1) return;
    await new Promise<void>((resolve) => link.onState(({ at }) => void (at === "open" && resolve())));
  });
  const after = await echo(page);
  expect(after.process).toBe("utility");
  expect(after.pid).not.toBe(before.pid);
  const states = await page.evaluate(() => (globalThis as unknown as InPage).dialled.states);
  expect(states[2]).toBe("waiting");
  expect(states.at(-1)).toBe("open");
});

test("[E-EL-11] what could not be decoded is a fault of the protocol, and is counted", async () => {
  const { open } = await start("utility");
  const page = await open(OWN);
  // The port that the bus will speak over (the first that is made), for this test to post on.
  await page.evaluate(() => {
    const { MessageChannel } = globalThis;
    globalThis.MessageChannel = class extends MessageChannel {
      constructor() {
        super();
        if (!("port" in globalThis)) Object.assign(globalThis, { port: this.port1 });
      }
    };
  });
  await connect(page);
  await page.evaluate(() =>
    (globalThis as unknown as { port: MessagePort }).port.postMessage(new Blob(["no other process can read this"])),
  );
  const { faults, links } = await hostLinks(page);
  expect(faults).toEqual([expect.stringContaining("PROTOCOL")]);
  expect(links).toMatchObject([{ state: { at: "open" }, violations: { protocol: 1 } }]);
});

test("[E-EL-12] a small Buffer hands over no more than itself", async () => {
  const { open, inMain } = await start("utility");
  const page = await open(OWN);
  await connect(page);
  const small = await page.evaluate(async () => {
    const bytes: Uint8Array = await (globalThis as unknown as InPage).dialled.bus.request("test:small", 0);
    return { text: new TextDecoder().decode(bytes), buffer: bytes.buffer.byteLength };
  });
  expect(small).toEqual({ text: "small", buffer: 5 });
  expect(await inMain((fixture) => fixture.small())).toBe(5);
});

test("[E-EL-13] payloads of every kind cross, and large ones in parts", async () => {
  const { open } = await start("utility");
  const page = await open(OWN);
  await connect(page);
  const same = await page.evaluate(async () => {
    const { bus } = (globalThis as unknown as InPage).dialled;
    const sent = {
      map: new Map([["a", new Set([1n])]]),
      date: new Date(0),
      zero: -0,
      buffer: new Uint8Array([1, 2, 3]).buffer,
      error: Object.assign(new RangeError("out"), { code: "E_OUT" }),
    };
    const { input } = await bus.request("test:echo", sent);
    const large = new Uint8Array(4_000_000).map((_, at) => at % 251);
    const back: Uint8Array = (await bus.request("test:echo", large)).input;
    return [
      input.map.get("a").has(1n),
      input.date.getTime() === 0,
      Object.is(input.zero, -0),
      new Uint8Array(input.buffer).join() === "1,2,3",
      `${input.error.name} ${input.error.message} ${input.error.code}` === "RangeError out E_OUT",
      back.every((byte, at) => byte === at % 251) && back.byteLength === large.byteLength,
    ];
  });
  expect(same).toEqual([true, true, true, true, true, true]);
});

test("[E-EL-14] a page that has Node dials without a preload", async () => {
  const { open, inMain } = await start("nowhere");
  await inMain((fixture) => fixture.join());
  const page = await open(OWN, { preload: "", sandbox: false, contextIsolation: false, nodeIntegration: true });
  const answers = await page.evaluate(async () => {
    const { EventBus } = (globalThis as unknown as InPage).page;
    const bus = new EventBus();
    const heard: unknown[] = [];
    bus.emit("ask", "a page with Node");
    await new Promise<void>((resolve) => bus.on("answer", (text) => void (heard.push(text) === 2 && resolve())));
    return heard;
  });
  expect(answers).toEqual(["first to a page with Node", "second to a page with Node"]);
});

test("[E-EL-15] buses of main that look for their places are joined: each hears a page once, each page hears each", async () => {
  const { open, inMain } = await start("nowhere");
  await inMain((fixture) => fixture.join());
  for (const name of ["one", "two"]) {
    const page = await open(OWN);
    const answers = await page.evaluate(
      (name) =>
        new Promise<unknown[]>((resolve) => {
          const bus = new (globalThis as unknown as InPage).page.EventBus();
          const heard: unknown[] = [];
          bus.on("answer", (text) => void (heard.push(text) === 2 && resolve(heard)));
          bus.emit("ask", name);
        }),
      name,
    );
    expect(answers).toEqual([`first to ${name}`, `second to ${name}`]);
  }
});

test("[E-EL-16] a frame of an Electron page looks for nobody", async () => {
  const { open, inMain } = await start("nowhere");
  await inMain((fixture) => fixture.join());
  const framed = await open("app://own/frame", { nodeIntegrationInSubFrames: true });
  const [, frame] = framed.frames();
  await frame!.waitForFunction(() => "page" in globalThis);
  const links = await frame!.evaluate(
    () => new (globalThis as unknown as InPage).page.EventBus().inspect().links.length,
  );
  expect(links).toBe(0);
});
