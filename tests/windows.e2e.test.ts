/** Tabs that share one connection, and pages with frames of other origins, in real Chromium. */
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { EventBus } from "@atomiton/events";
import { serveBus } from "@atomiton/events/node";
import { chromium, type Browser, type BrowserContext, type Frame, type Page } from "playwright";
import { build } from "rolldown";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

import { launchOptions } from "./chromium.ts";
import { desk } from "./fixtures/windows/contract.ts";
import type { Framed } from "./fixtures/windows/framed.ts";
import type { Shell } from "./fixtures/windows/shell.ts";
import type { Tab } from "./fixtures/windows/tab.ts";

const within = { timeout: 20_000 };
const TOKEN = "the token of the hub";
const PROGRAMS = ["hub", "tab", "shell", "framed"];

let folder: string;
let browser: Browser;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "atomiton-windows-"));
  await build({
    input: Object.fromEntries(
      PROGRAMS.map((name) => [name, new URL(`./fixtures/windows/${name}.ts`, import.meta.url).pathname]),
    ),
    platform: "browser",
    resolve: { conditionNames: ["@atomiton/source", "import", "default"] },
    output: { dir: folder, format: "esm" },
  });
  browser = await chromium.launch(launchOptions);
});
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

let context: BrowserContext;
const servers: Server[] = [];
beforeEach(async () => {
  context = await browser.newContext();
});
afterEach(async () => {
  await context.close();
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

/** Pages of one origin: `/tab` is a page that runs tab.js. */
async function serve(): Promise<{ server: Server; origin: string }> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, "http://here");
    if (pathname.endsWith(".js")) {
      response.setHeader("content-type", "text/javascript");
      try {
        return void response.end(readFileSync(join(folder, pathname)));
      } catch {
        return void response.writeHead(404).end();
      }
    }
    response.setHeader("content-type", "text/html");
    response.end(`<!doctype html><body><script type="module" src="${pathname}.js"></script>`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  servers.push(server);
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function open(url: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

declare const tab: Tab;
declare const shell: Shell;
declare const framed: Framed;

test("[E-TAB-1] tabs share one connection over a SharedWorker: requests, events; they come, reload and go", async () => {
  const { server, origin } = await serve();
  const host = new EventBus({ contract: desk, role: "host", onError() {} });
  let sum = 0;
  host.handle("desk:add", ({ n }) => {
    sum += n;
    host.emit("desk:added", { sum });
    return { sum };
  });
  const served = serveBus(host, server, { token: TOKEN, admits: { role: "hub", grants: [], routes: true } });
  const url = `${origin}/tab?worker=/hub.js&token=${encodeURIComponent(TOKEN)}`;
  const tabs = await Promise.all([open(url), open(url), open(url)]);
  await Promise.all(tabs.map((page) => page.evaluate(() => tab.ready())));
  for (const page of tabs) await page.evaluate(() => tab.add(1));
  await expect
    .poll(() => Promise.all(tabs.map((page) => page.evaluate(() => tab.sums()))), within)
    .toEqual([1, 2, 3].map(() => [1, 2, 3]));
  expect(served.inspect()).toMatchObject({ connections: 1, accepted: 1 });
  const behind = () => host.inspect().links.map((link) => link.behind.length);
  expect(behind()).toEqual([3]);

  await tabs[0]!.close();
  await expect.poll(behind, within).toEqual([2]);
  await tabs[1]!.reload();
  await tabs[1]!.evaluate(() => tab.ready());
  await expect.poll(behind, within).toEqual([2]);
  expect(await tabs[1]!.evaluate(() => tab.add(1))).toEqual({ sum: 4 });
  await expect.poll(() => tabs[1]!.evaluate(() => tab.sums()), within).toEqual([4]);
  expect(served.inspect()).toMatchObject({ connections: 1, accepted: 1 });

  // The last one out ends the worker, and with it the connection.
  await Promise.all(tabs.slice(1).map((page) => page.close()));
  await expect.poll(() => served.inspect().connections, within).toBe(0);
  await served.close();
  await host.close();
});

test("[E-TAB-2] a tab that crashes is noticed, and so is a shared worker that ends", async () => {
  const { server, origin } = await serve();
  const host = new EventBus({ contract: desk, role: "host", onError() {} });
  host.handle("desk:add", ({ n }) => ({ sum: n }));
  const served = serveBus(host, server, { token: TOKEN, admits: { role: "hub", grants: [], routes: true } });
  const url = `${origin}/tab?worker=/hub.js&token=${encodeURIComponent(TOKEN)}`;
  const first = await open(url);
  await first.evaluate(() => tab.ready());
  const second = await open(url);
  await second.evaluate(() => tab.ready());
  const behind = () => host.inspect().links.map((link) => link.behind.length);
  expect(behind()).toEqual([2]);
  const crashed = second.waitForEvent("crash");
  void second.goto("chrome://crash").catch(() => {});
  await crashed;
  await expect.poll(behind, within).toEqual([1]);
  expect(await first.evaluate(() => tab.add(7))).toEqual({ sum: 7 });

  await first.evaluate(() => tab.end());
  await expect.poll(() => first.evaluate(() => tab.at()), within).toBe("closed");
  expect(await first.evaluate(() => tab.why())).toMatch(/has ended|closed the port/);
  await expect.poll(() => served.inspect().connections, within).toBe(0);
  await served.close();
  await host.close();
});

test("[E-TAB-2] a tab whose shared worker cannot be loaded learns it", async () => {
  const { origin } = await serve();
  const page = await open(`${origin}/tab?worker=/missing.js&token=x`);
  await expect.poll(() => page.evaluate(() => tab.at()), within).toBe("closed");
  expect(await page.evaluate(() => tab.why())).toContain("did not start");
});

/** A page of one origin around a frame of another. */
async function windows(how: { late?: boolean; expects?: string; told?: string; tag?: string } = {}) {
  const [outer, inner] = [await serve(), await serve()];
  const told = how.told ?? outer.origin;
  const src = `${inner.origin}/framed?origin=${told}${how.tag === undefined ? "" : `&tag=${how.tag}`}`;
  const query = new URLSearchParams({ frame: src, origin: how.expects ?? inner.origin });
  if (how.late) query.set("late", "1");
  const page = await open(`${outer.origin}/shell?${query.toString()}`);
  const frameOf = async (): Promise<Frame> => {
    await expect.poll(() => page.frames().find((frame) => frame.url().startsWith(inner.origin)), within).toBeDefined();
    const frame = page.frames().find((one) => one.url().startsWith(inner.origin))!;
    await frame.waitForFunction(() => "framed" in globalThis);
    return frame;
  };
  return { page, outer, inner, frameOf };
}

test.each([false, true])(
  "[E-IF-1] a page and a frame of another origin meet, whoever is first (page late: %s)",
  async (late) => {
    const { page, frameOf } = await windows({ late });
    const frame = await frameOf();
    if (late) await page.evaluate(() => shell.connect());
    await page.evaluate(() => shell.ready());
    expect(await page.evaluate(() => shell.add(5))).toEqual({ sum: 5 });
    expect(await frame.evaluate(() => framed.at())).toBe("open");
  },
);

test("[E-IF-2] posts of the right shape from another window, and a port that nobody asked for, are refused and counted", async () => {
  const { page, frameOf } = await windows();
  const frame = await frameOf();
  await page.evaluate(() => shell.ready());
  await page.evaluate(() => shell.forge());
  await expect.poll(() => page.evaluate(() => shell.refused()), within).toMatchObject({ source: 1, origin: 0 });
  await expect.poll(() => frame.evaluate(() => framed.refused()), within).toMatchObject({ port: 1, source: 0 });
  expect(await page.evaluate(() => shell.add(1))).toEqual({ sum: 1 });
});

test("[E-IF-3] a frame of another origin than was told gets no port, and the page is not heard by it", async () => {
  const { page, inner } = await windows({ expects: "http://127.0.0.1:9" });
  expect(inner.origin).not.toBe("http://127.0.0.1:9");
  await expect.poll(() => page.evaluate(() => shell.refused()), within).toMatchObject({ origin: 1 });
  await page.evaluate(() => shell.connect({ timeoutMs: 500 }));
  await expect.poll(() => page.evaluate(() => shell.at()), within).toBe("closed");
  expect(await page.evaluate(() => shell.why())).toContain("Nobody of origin http://127.0.0.1:9");
});

test("[E-IF-3] a frame in a page of another origin than it was told stays alone", async () => {
  const { page, frameOf } = await windows({ told: "http://127.0.0.1:9" });
  const frame = await frameOf();
  // The frame's own posts were for another origin, and the browser kept them; the page's call is refused by the frame.
  await page.evaluate(() => shell.connect({ timeoutMs: 500 }));
  await expect.poll(() => frame.evaluate(() => framed.refused().origin), within).toBeGreaterThan(0);
  await expect.poll(() => page.evaluate(() => shell.at()), within).toBe("closed");
  expect(await page.evaluate(() => shell.refused())).toEqual({ source: 0, origin: 0, tag: 0, port: 0 });
});

test("[E-IF-4] a wrong tag is refused and counted on both sides", async () => {
  const { page, frameOf } = await windows({ tag: "another" });
  const frame = await frameOf();
  await page.evaluate(() => shell.connect({ timeoutMs: 500 }));
  await expect.poll(() => frame.evaluate(() => framed.refused().tag), within).toBeGreaterThan(0);
  await expect.poll(() => page.evaluate(() => shell.at()), within).toBe("closed");
});

test("[E-IF-5] a frame that is loaded anew, and one that is taken out, end the link; the next connect meets the new document", async () => {
  const { page, frameOf } = await windows();
  await frameOf();
  await page.evaluate(() => shell.ready());
  expect(await page.evaluate(() => shell.add(5))).toEqual({ sum: 5 });
  await page.evaluate(() => shell.reload());
  await expect.poll(() => page.evaluate(() => shell.at()), within).toBe("closed");
  await frameOf();
  await page.evaluate(() => shell.connect());
  await page.evaluate(() => shell.ready());
  expect(await page.evaluate(() => shell.add(1))).toEqual({ sum: 1 });
  await page.evaluate(() => shell.remove());
  await expect.poll(() => page.evaluate(() => shell.at()), within).toBe("closed");
});
