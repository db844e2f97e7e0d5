/** Studio steers and debugs: the built command serves the built page, and persons sit at real Chromium. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";

import { EventBus } from "@atomiton/events";
import { serveBus } from "@atomiton/events/node";
import { Runtime, RuntimeIPC } from "@atomiton/runtime";
import { libraryContract, runtimeContract } from "@atomiton/runtime/contract";
import { chromium, type Browser, type BrowserContext, type Locator, type Page } from "playwright";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { launchOptions } from "./chromium.ts";

const root = new URL("..", import.meta.url).pathname;
/** Where pictures are put for a person to look at; none are taken without it. */
const pictures = process.env["ATOMITON_PICTURES"];

let folder: string;
let host: ChildProcess;
let address: string;
let browser: Browser;
const contexts: BrowserContext[] = [];
let complaints: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "atomiton-steering-"));
  cpSync(join(root, "tests/fixtures/steering"), folder, { recursive: true });
  cpSync(join(root, "examples/04-bulletin-review.blueprint.yaml"), join(folder, "review.blueprint.yaml"));
  cpSync(join(root, "examples/data/earthquakes.csv"), join(folder, "data/earthquakes.csv"));
  const command = join(root, "apps/cli/dist/atomiton.js");
  host = spawn(process.execPath, [command, "serve", "--dir", folder, "--port", "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  address = await new Promise((resolve) => {
    let text = "";
    host.stdout?.on("data", (part) => {
      text += part;
      const found = /http:\/\/\S+(?=\n)/.exec(text)?.[0];
      if (found !== undefined) resolve(found);
    });
  });
  browser = await chromium.launch(launchOptions);
});
afterAll(async () => {
  await browser?.close();
  if (host.exitCode === null && host.signalCode === null) {
    host.kill();
    await once(host, "close");
  }
  rmSync(folder, { recursive: true, force: true });
});
afterEach(async () => {
  await Promise.all(contexts.splice(0).map((context) => context.close()));
  const said = complaints;
  complaints = [];
  expect(said).toEqual([]);
});

async function openPage(to: string, width = 1280, colorScheme: "light" | "dark" = "light"): Promise<Page> {
  const context = await browser.newContext({ viewport: { width, height: 844 }, colorScheme, reducedMotion: "reduce" });
  contexts.push(context);
  // A run of twelve items on a busy machine, on top of what its own timers take.
  context.setDefaultTimeout(25_000);
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(to);
  await page.locator('[data-link="live"]').waitFor();
  return page;
}

/** The page of a Blueprint of the folder. */
const openBlueprint = (id: string, width?: number, scheme?: "light" | "dark"): Promise<Page> =>
  openPage(`${address}&open=${id}`, width, scheme);
/** Another person's page on the same run. */
const openToo = (page: Page): Promise<Page> => openPage(`${page.url()}&${new URL(address).hash.slice(1)}`);

const button = (on: Page | Locator, name: string): Locator => on.getByRole("button", { name, exact: true });
const details = (page: Page): Locator => page.getByRole("complementary", { name: "Details" });
const bar = (page: Page): Locator => page.getByRole("region", { name: "Execution" });
const state = (page: Page, word: string): Promise<void> =>
  bar(page).getByRole("status").getByText(word, { exact: true }).waitFor();
const node = (page: Page, path: string): Locator => page.locator(`[data-node="${path}"]`);
const toggleBreakpoint = (page: Page, name: string): Promise<void> =>
  button(page, `Stop before ${name}`).click({ force: true });

/** Of the run, once it is there. */
const resultOf = (page: Page): Promise<string | null> =>
  details(page).getByRole("region", { name: "Result" }).locator("code, pre").textContent();

async function picture(page: Page, name: string): Promise<void> {
  if (pictures !== undefined) await page.screenshot({ path: join(pictures, `${name}.png`) });
}

/** Nothing is cut off to the side. */
const isWhole = (page: Page): Promise<boolean> =>
  page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth);

test("[ST-STEER-1] pauses and resumes to the end, by buttons and by keys", async () => {
  const page = await openBlueprint("doubled");
  await button(page, "Run").click();
  await button(page, "Pause").click();
  await state(page, "Paused");
  expect(await button(page, "Pause").count()).toBe(0);
  const percent = await page.getByRole("progressbar", { name: "Progress" }).getAttribute("aria-valuenow");
  expect(Number(percent)).toBeLessThan(100);
  await page.keyboard.press("F8");
  await state(page, "Running");
  await page.keyboard.press("F8");
  await state(page, "Paused");
  await button(page, "Resume").click();
  await state(page, "Completed");
  expect(await page.getByRole("toolbar", { name: "Steer the run" }).count()).toBe(0);
  expect(await resultOf(page)).toBe("156");
});

test("[ST-STEER-3] says what it waits for while it is pausing, and need not wait for what may begin again", async () => {
  const page = await openBlueprint("patient");
  await button(page, "Run").click();
  await node(page, "rest").and(page.locator('[data-state="running"]')).waitFor();
  await button(page, "Pause").click();
  await state(page, "Pausing");
  await bar(page).getByText("waits for rest to end").waitFor();
  const over = button(page, "Step over");
  expect(await over.getAttribute("aria-disabled")).toBe("true");
  expect(await over.getAttribute("title")).toBe("Step over: it is still pausing");
  await picture(page, "pausing");
  await button(page, "Pause now").click();
  await state(page, "Paused");
  await button(page, "Resume").click();
  await state(page, "Completed");
  await details(page).getByText("rested with 0").waitFor();
});

test("[ST-STEER-4] [ST-STEER-5] stops at item N of a loop by a condition, takes an edited value, goes on with it", async () => {
  const page = await openBlueprint("doubled");
  await node(page, "each/double").getByRole("button").click();
  await button(details(page), "With a condition…").click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Hit count").fill("often");
  await dialog.getByText("A number from 1: 5, >=10 or %100").waitFor();
  await dialog.getByLabel("Hit count").fill("");
  await dialog.getByLabel("Condition").fill("index = 3");
  await picture(page, "breakpoint-dialog");
  await button(dialog, "Set").click();
  await page.locator('[data-breakpoint="on"]').waitFor();
  await button(page, "Run").click();
  await page.locator('[data-stop="before"]').waitFor();
  await state(page, "Paused");
  const stop = details(page).getByRole("region", { name: "Stopped before it runs" });
  await stop.getByText("item 3").waitFor();
  await stop.getByText("4", { exact: true }).waitFor();
  await stop.getByLabel("Expression").fill("in.number * 100 + index");
  await button(stop, "Evaluate").click();
  await stop.getByText("403", { exact: true }).waitFor();
  await button(stop, "Edit number").click();
  await stop.getByLabel("New value of number").fill("1000");
  await button(stop, "Put it in").click();
  await stop.getByText("1000", { exact: true }).waitFor();
  await picture(page, "stopped");

  // Whoever comes later sees the same: the page again, and another one.
  const other = await openToo(page);
  await other.locator('[data-stop="before"]').waitFor();
  await button(other, "Look at it").click();
  await details(other)
    .getByRole("region", { name: "Stopped before it runs" })
    .getByText("1000", { exact: true })
    .waitFor();
  await page.reload();
  await page.locator('[data-breakpoint="on"]').waitFor();
  await button(page, "Look at it").click();
  await button(details(page), "Go on from here").click();
  await state(page, "Completed");
  await state(other, "Completed");
  // Twice 1 to 12, but 1,000 in the place of 4.
  await button(details(page), "Close the node's details").click();
  expect(await resultOf(page)).toBe("2148");
});

test("[ST-STEER-2] [ST-STEER-6] steps over, and breakpoints are listed, switched off, and told where they do not stand", async () => {
  const page = await openBlueprint("doubled");
  await toggleBreakpoint(page, "numbers");
  await button(page, "Run").click();
  await page.locator('[data-stop="before"]').waitFor();
  await page.keyboard.press("F10");
  await node(page, "numbers").and(page.locator('[data-state="completed"]')).waitFor();
  await bar(page).getByText("each: stopped before it runs").waitFor();
  await page.keyboard.press("F11");
  await bar(page).getByText("rest 0: stopped before it runs").waitFor();
  await button(details(page), "Close the node's details").click();
  const list = details(page).getByRole("region", { name: "Breakpoints" });
  await list.getByLabel("Enabled: numbers, before it runs").uncheck();
  await page.locator('[data-breakpoint="off"]').waitFor();
  await button(list, "Edit the breakpoint of numbers, before it runs").click();
  await page.getByRole("dialog").getByLabel("Condition").fill("index = = 3");
  await button(page.getByRole("dialog"), "Set").click();
  await list.getByText("Does not stand").waitFor();
  await page.locator('[data-breakpoint="refused"]').waitFor();
  await picture(page, "refused");
  await button(list, "Remove the breakpoint of numbers, before it runs").click();
  expect(await page.locator('[data-breakpoint="refused"]').count()).toBe(0);
  await button(page, "Resume").click();
  await state(page, "Completed");
});

test("[ST-STEER-5] at an error an output that is given lets it have worked", async () => {
  const page = await openBlueprint("refused");
  await node(page, "count").getByRole("button").click();
  await button(details(page), "Stop on an error").click();
  await button(page, "Run").click();
  await page.locator('[data-stop="error"]').waitFor();
  const stop = details(page).getByRole("region", { name: "Stopped at its error" });
  await picture(page, "error");
  await button(stop, "Give a value to value").click();
  await stop.getByLabel("New value of value").fill("12");
  await button(stop, "Put it in").click();
  await stop.getByText("Given in its place").waitFor();
  await button(stop, "Go on from here").click();
  await state(page, "Completed");
  await button(details(page), "Close the node's details").click();
  expect(await resultOf(page)).toBe("it counts 12");
});

test("[ST-STEER-7] a value that was too large to send is read in parts", async () => {
  const page = await openBlueprint("large");
  await toggleBreakpoint(page, "count");
  await button(page, "Run").click();
  const stop = details(page).getByRole("region", { name: "Stopped before it runs" });
  await button(stop, "Read it in parts").click();
  await stop.getByText("1 to 100 of 5,000").waitFor();
  await button(stop, "Next part").click();
  await stop.getByText("101 to 200 of 5,000").waitFor();
  expect(await stop.getByRole("table").first().textContent()).toContain("row number 101");
  await button(page, "Resume").click();
  await state(page, "Completed");
});

test("[ST-STEER-8] a question is answered in a form by one of two persons; the other's form closes, and says why", async () => {
  const one = await openBlueprint("bulletin-review");
  await button(one, "Run…").click();
  await button(one.getByRole("dialog"), "Run").click();
  await one.getByText("Publish these earthquakes?").first().waitFor();
  const two = await openToo(one);
  for (const page of [one, two]) await button(page, "Answer…").click();
  const [form, other] = [one.getByRole("dialog"), two.getByRole("dialog")];
  await other.getByText("left").waitFor();
  await form.getByRole("columnheader", { name: "place" }).waitFor();
  await button(form, "Answer").click();
  await form.getByText("Needed", { exact: true }).first().waitFor();
  expect(await form.getByLabel("Decision").evaluate((element) => element === document.activeElement)).toBe(true);
  await form.getByLabel("Decision").selectOption("publish");
  await form.getByLabel("Your name").fill("Ada");
  await form.getByLabel("Date of the bulletin").fill("2026-01-31");
  await form.getByLabel("How many to list").fill("2");
  await form.getByLabel("Mark it as urgent").check();
  await form.getByLabel("Mail").fill("nowhere");
  await form.getByRole("button", { name: "Add to Notes" }).click();
  await form.getByRole("textbox", { name: "Notes 1" }).fill("first note");
  await button(form, "Answer").click();
  await form.getByText("Must match").waitFor();
  await form.getByLabel("Mail").fill("ada@example.org");
  await picture(one, "answer");
  await button(form, "Answer").click();
  await state(one, "Completed");
  await other.waitFor({ state: "detached" });
  await two.getByText("This question is closed").waitFor();
  await state(two, "Completed");
  const written = readFileSync(join(folder, "out/04-bulletin.txt"), "utf8");
  expect(written).toMatch(/^URGENT \d+ strong earthquakes this week\nReviewed by Ada: publish\n(- .*\n){2}\s*$/);
  await details(one).getByText("first note").waitFor();
  await details(one).getByText("ada@example.org").waitFor();
});

test("[ST-STEER-9] a configuration is changed while it runs; whoever was slower is told, and reads it again", async () => {
  const one = await openBlueprint("doubled");
  await button(one, "Run").click();
  await button(one, "Pause").click();
  await state(one, "Paused");
  const two = await openToo(one);
  for (const page of [one, two]) {
    await node(page, "each/double").getByRole("button").click();
    await button(details(page), "Change it in this run…").click();
    await page.getByRole("dialog").getByLabel("expression").fill("in.number * 3");
  }
  await picture(one, "configuration");
  await button(one.getByRole("dialog"), "Apply").click();
  await one.getByText("it counts from the next item on").waitFor();
  await button(two.getByRole("dialog"), "Apply").click();
  await two.getByRole("dialog").getByText("somebody else has changed it").waitFor();
  await button(two.getByRole("dialog"), "Read it again").click();
  await two.keyboard.press("Escape");
  await button(one, "Resume").click();
  await state(one, "Completed");
  await button(details(one), "Close the node's details").click();
  // 156 without the change, 234 where it came before the first item.
  const sum = Number(await resultOf(one));
  expect(sum).toBeGreaterThan(156);
  expect(sum).toBeLessThanOrEqual(234);
});

test.each([
  [1280, "dark"],
  [390, "light"],
  [390, "dark"],
] as const)(
  "[ST-STEER-1] [ST-STEER-5] [ST-STEER-8] at %i pixels, %s, a stop and a question are whole",
  async (width, scheme) => {
    const page = await openBlueprint("doubled", width, scheme);
    await node(page, "each/double").getByRole("button").click();
    await button(details(page), "Stop after it ran").click();
    await page.keyboard.press("Escape");
    if (width > 1000) await button(details(page), "Close the node's details").click();
    await button(page, "Run").click();
    await details(page).getByRole("region", { name: "Stopped after it ran" }).waitFor();
    await picture(page, `stop-${width}-${scheme}`);
    expect(await isWhole(page)).toBe(true);
    await button(details(page), "Close the node's details").click();
    await bar(page).getByText("double 0: stopped after it ran").waitFor();
    await picture(page, `stop-bar-${width}-${scheme}`);
    expect(await isWhole(page)).toBe(true);
    await button(page, "Cancel").click();
    await state(page, "Cancelled");

    const asked = await openBlueprint("bulletin-review", width, scheme);
    await button(asked, "Run…").click();
    await button(asked.getByRole("dialog"), "Run").click();
    await button(asked, "Answer…").waitFor();
    await picture(asked, `question-bar-${width}-${scheme}`);
    expect(await isWhole(asked)).toBe(true);
    await button(asked, "Answer…").click();
    await asked.getByRole("columnheader", { name: "place" }).waitFor();
    await picture(asked, `question-${width}-${scheme}`);
    expect(await isWhole(asked)).toBe(true);
    await asked.keyboard.press("Escape");
    await button(asked, "Cancel").click();
    await state(asked, "Cancelled");
  },
);

const types: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };

test("[ST-STEER-10] a page that may only run and look has no buttons to steer, stop, answer or configure", async () => {
  const pages = join(root, "apps/studio/dist");
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const file = join(pages, path === "/" ? "index.html" : path);
    const isThere = file.startsWith(pages) && existsSync(file);
    response.writeHead(isThere ? 200 : 404, { "content-type": types[extname(file)] ?? "application/octet-stream" });
    response.end(isThere ? readFileSync(file) : "");
  });
  const runtime = new Runtime({ dir: folder });
  const denied: unknown[] = [];
  const bus = new EventBus({
    contracts: [runtimeContract, libraryContract],
    role: "host",
    connect: false,
    onError: (fault) => denied.push((fault as { code?: unknown }).code),
  });
  const ipc = new RuntimeIPC({ runtime, bus });
  ipc.initialize();
  const grants = ["read:library", "read:execution", "execute:blueprint"];
  const sockets = serveBus(bus, server, { token: "looks-only", admits: { role: "ui", grants } });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const page = await openPage(`http://127.0.0.1:${port}/#token=looks-only&open=bulletin-review`);
    await button(page, "Run…").click();
    await button(page.getByRole("dialog"), "Run").click();
    await page.getByRole("group", { name: "Question of review" }).waitFor();
    await node(page, "review").getByRole("button").click();
    await details(page).getByRole("region", { name: "Configuration" }).waitFor();
    await picture(page, "looks-only");
    for (const name of ["Pause", "Resume", "Step over", "Cancel", "Answer…", "Change it in this run…"])
      expect(await button(page, name).count(), name).toBe(0);
    expect(await details(page).getByRole("region", { name: "Breakpoints" }).count()).toBe(0);
    expect(await page.locator("[data-breakpoint]").count()).toBe(0);
    await page.keyboard.press("F8");
    await state(page, "Running");
    // The page has asked what it may do, and nothing else that it may not.
    expect(new Set(denied)).toEqual(new Set(["DENIED"]));
  } finally {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
    await sockets.close();
    await ipc.close();
    await runtime.close();
    await bus.close();
    server.close();
  }
});
