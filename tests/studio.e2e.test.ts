/** Studio as a person uses it: the built command serves the built page, and Chromium opens the address it prints. */
import { spawn, type ChildProcess } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from "playwright";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { launchOptions } from "./chromium.ts";

const root = new URL("..", import.meta.url).pathname;
const command = join(root, "apps/cli/dist/atomiton.js");

/** The long loop takes ten seconds by its own timers; a busy machine may take its time on top. */
const LONG_MS = 40_000;

interface Served {
  readonly child: ChildProcess;
  readonly address: string;
  /** Resolves with what it wrote to standard error when it is gone. */
  end(signal?: NodeJS.Signals): Promise<string>;
}

let folder: string;
let served: Served;
let browser: Browser;
const contexts: BrowserContext[] = [];
/** What pages complained of since the test began. */
let complaints: string[] = [];

async function serve(args: readonly string[]): Promise<Served> {
  const child = spawn(process.execPath, [command, "serve", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stderr.on("data", (text) => (stderr += text));
  const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const address = await new Promise<string>((resolve, reject) => {
    child.stdout.on("data", (text) => {
      stdout += text;
      const found = /http:\/\/\S+(?=\n)/.exec(stdout)?.[0];
      if (found !== undefined) resolve(found);
    });
    void gone.then(() => reject(new Error(`serve ended before it printed an address: ${stderr}`)));
  });
  return {
    child,
    address,
    async end(signal = "SIGTERM") {
      child.kill(signal);
      await gone;
      return stderr;
    },
  };
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "atomiton-studio-"));
  cpSync(join(root, "tests/fixtures/studio"), folder, { recursive: true });
  served = await serve(["--dir", folder, "--port", "0"]);
  browser = await chromium.launch(launchOptions);
});
afterAll(async () => {
  await browser?.close();
  const stderr = await served?.end();
  rmSync(folder, { recursive: true, force: true });
  expect(stderr).not.toMatch(/TypeError|RangeError|Unhandled|INVALID_|DENIED/);
});
afterEach(async () => {
  await Promise.all(contexts.splice(0).map((context) => context.close()));
  const said = complaints;
  complaints = [];
  expect(said).toEqual([]);
});

/** A page that hears every complaint: errors and warnings of its console, what it throws, what it does not get. */
async function openPage(address: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(10_000);
  contexts.push(context);
  return openIn(context, address);
}
async function openIn(context: BrowserContext, address: string): Promise<Page> {
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`thrown: ${error.message}`));
  page.on("response", (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
  });
  await page.goto(address);
  return page;
}

const openBlueprint = (page: Page, name: string): Promise<void> =>
  page.getByRole("navigation", { name: "Library" }).getByRole("button", { name }).first().click();
const run = (page: Page): Promise<void> => page.getByRole("button", { name: /^Run…?$/ }).click();
const node = (page: Page, path: string) => page.locator(`[data-node="${path}"]`);
const state = (page: Page, word: string) =>
  page.getByRole("region", { name: "Execution" }).getByRole("status").getByText(word, { exact: true });
const percent = async (page: Page): Promise<number> =>
  Number(await page.getByRole("progressbar", { name: "Progress" }).getAttribute("aria-valuenow"));

/** Waits until the page itself says so; no sleeping. */
const until = (page: Page, path: string, wanted: string): Promise<void> =>
  page
    .locator(`[data-node="${path}"][data-state="${wanted}"]`)
    .waitFor()
    .then(() => undefined);

/** From another window, where a file was edited. */
const comeBack = (page: Page): Promise<boolean> => page.evaluate(() => dispatchEvent(new Event("focus")));

test("[ST-1] lists the folder's Blueprints, with what is wrong with them, and looks again when its person does", async () => {
  const page = await openPage(served.address);
  const library = page.getByRole("navigation", { name: "Library" });
  await library.getByRole("button", { name: "Slow loop" }).waitFor();
  expect(await library.getByRole("button", { name: "Broken" }).textContent()).toContain("1 error");
  const file = join(folder, "late.blueprint.yaml");
  writeFileSync(
    file,
    readFileSync(join(folder, "fails.blueprint.yaml"), "utf8")
      .replace("id: fails", "id: late")
      .replace("name: Fails", "name: Came late"),
  );
  await comeBack(page);
  await library.getByRole("button", { name: "Came late" }).waitFor();
  rmSync(file);
  await comeBack(page);
  await library.getByRole("button", { name: "Came late" }).waitFor({ state: "detached" });
});

test("[ST-2] keeps the token out of the visible address, and in the tab over a reload", async () => {
  const page = await openPage(served.address);
  await page.locator('[data-link="live"]').waitFor();
  expect(page.url()).not.toContain("token");
  await page.reload();
  await page.locator('[data-link="live"]').waitFor();
});

test("[ST-3] without the token the page says what to do, and asks the host for nothing", async () => {
  const page = await openPage(served.address.replace(/#.*/, ""));
  await page.getByRole("alert").getByText("atomiton serve").waitFor();
  expect(await page.locator("[data-link]").getAttribute("data-link")).toBe("lost");
});

test("[ST-4] draws the graph, loops with their body inside", async () => {
  const page = await openPage(served.address);
  await openBlueprint(page, "Slow loop");
  for (const path of ["numbers", "each", "each/rest", "each/double", "each/say", "sum", "total"]) {
    await node(page, path).waitFor();
  }
  const loop = (await node(page, "each").boundingBox())!;
  const body = (await node(page, "each/double").boundingBox())!;
  expect(body.x).toBeGreaterThan(loop.x);
  expect(body.y + body.height).toBeLessThan(loop.y + loop.height);
});

test("[ST-5] runs, shows states, progress and logs as they come, and the result at the end", async () => {
  const page = await openPage(served.address);
  await openBlueprint(page, "Slow loop");
  await run(page);
  await until(page, "each/rest", "waiting");
  await state(page, "Running").waitFor();
  expect(await node(page, "sum").getAttribute("data-state")).toBe("pending");
  const early = await percent(page);
  await page.getByRole("log").getByText("20 doubled is 40").waitFor();
  const later = await percent(page);
  expect(later).toBeGreaterThan(early);
  expect(later).toBeLessThan(100);
  await state(page, "Completed").waitFor();
  await page.getByRole("log").getByText("the sum is 1640").waitFor();
  expect(await percent(page)).toBe(100);
  expect(await node(page, "total").getAttribute("data-state")).toBe("completed");
  expect(await node(page, "each").textContent()).toContain("40");
  const details = page.getByRole("complementary", { name: "Details" });
  await details.getByRole("columnheader", { name: "double" }).waitFor();
  await details.getByText("40 rows").waitFor();
});

test("[ST-6] shows what a clicked node gave out, for each item of a loop", async () => {
  const page = await openPage(served.address);
  await openBlueprint(page, "Slow loop");
  await run(page);
  await state(page, "Completed").waitFor();
  const details = page.getByRole("complementary", { name: "Details" });
  await node(page, "sum").getByRole("button").click();
  await details.getByRole("region", { name: "What came out" }).getByText("1640", { exact: true }).waitFor();
  await node(page, "each/double").getByRole("button").click();
  await details.getByLabel("Item").selectOption({ label: "6" });
  const came = details.getByRole("region", { name: "What came out" });
  expect(await came.locator("code").allTextContents()).toContain("14");
});

test("[ST-7] cancels: the run and every node that was at work end as cancelled", async () => {
  const page = await openPage(served.address);
  await openBlueprint(page, "Long loop");
  await run(page);
  await until(page, "each/rest", "waiting");
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await state(page, "Cancelled").waitFor();
  await until(page, "each", "cancelled");
  expect(await page.locator('[data-node][data-state="running"]').count()).toBe(0);
  await page.getByRole("button", { name: "Run", exact: true }).waitFor();
});

test("[ST-8] a reload in the middle shows the run again, whole, and follows it to its end", async () => {
  const page = await openPage(served.address);
  await openBlueprint(page, "Long loop");
  await run(page);
  await page.getByRole("log").getByText("8 doubled is 16").waitFor();
  const before = new URL(page.url()).hash;
  await page.reload();
  expect(new URL(page.url()).hash).toBe(before);
  await state(page, "Running").waitFor();
  await page.getByRole("log").getByText("1 doubled is 2", { exact: false }).first().waitFor();
  await state(page, "Completed").waitFor({ timeout: LONG_MS });
  await page.getByRole("log").getByText("the sum is 10100").waitFor();
  // A hundred items and the sum: nothing is missing, nothing stands there twice.
  expect(await page.getByRole("log").getByRole("listitem").count()).toBe(101);
  expect(await page.locator('[data-node][data-state="completed"]').count()).toBe(7);
});

test("[ST-9] two pages see the same run; either may cancel it", async () => {
  const one = await openPage(served.address);
  await openBlueprint(one, "Long loop");
  await run(one);
  await until(one, "each/rest", "waiting");
  const token = new URL(served.address).hash.slice(1);
  const two = await openPage(`${one.url()}&${token}`);
  await state(two, "Running").waitFor();
  await until(two, "each/rest", "waiting");
  await two.getByRole("button", { name: "Cancel", exact: true }).click();
  await state(one, "Cancelled").waitFor();
  await state(two, "Cancelled").waitFor();
});

test("[ST-10] shows an error where it happened, with its code and text, and never as a success", async () => {
  const page = await openPage(served.address);
  await openBlueprint(page, "Fails");
  await run(page);
  await state(page, "Failed").waitFor();
  await until(page, "refuse", "failed");
  expect(await node(page, "after").getAttribute("data-state")).toBe("cancelled");
  await page.getByRole("region", { name: "Execution" }).getByRole("button", { name: "Cannot pay with 7" }).click();
  const details = page.getByRole("complementary", { name: "Details" });
  await details.getByRole("heading", { name: "refuse" }).waitFor();
  await details.getByText("TOO_LITTLE").first().waitFor();
  await details.getByText("Cannot pay with 7: ten are needed; give more").first().waitFor();
});

test("[ST-11] asks for typed inputs, says what is wrong with them, and sends what was typed", async () => {
  const page = await openPage(served.address);
  await openBlueprint(page, "Quick form");
  await run(page);
  const form = page.getByRole("dialog");
  await form.getByLabel("count").fill("12");
  await form.getByRole("button", { name: "Run" }).click();
  await form.getByText("At most 9").waitFor();
  await form.getByText("Needed", { exact: true }).waitFor();
  await form.getByLabel("title").fill("hello");
  await form.getByLabel("count").fill("2");
  await form.getByLabel("mode").selectOption("exact");
  await form.getByLabel("loud").check();
  await form.getByLabel("tags").fill('["a", "b"]');
  await form.getByRole("button", { name: "Run" }).click();
  await state(page, "Completed").waitFor();
  const details = page.getByRole("complementary", { name: "Details" });
  await details.getByText("2 rows").waitFor();
  expect(await details.getByRole("row").nth(2).getByRole("cell").allTextContents()).toEqual([
    "2",
    "hello",
    "exact",
    "true",
    "a+b",
  ]);
});

test("[ST-11, ST-57] what only the host can know of an input is said at its field, in the form that stays open", async () => {
  const page = await openPage(served.address);
  await openBlueprint(page, "Lines of a file");
  await page.getByRole("button", { name: "Run…", exact: true }).click();
  const form = page.getByRole("dialog");
  await form.getByText("required", { exact: true }).waitFor();
  for (const name of ["nowhere.csv", "nowhere-else.csv"]) {
    await form.getByRole("textbox").fill(name);
    await form.getByRole("button", { name: "Run" }).click();
    await form.getByText(`cannot read "${name}"`).waitFor();
  }
  expect(await form.getByRole("textbox").getAttribute("aria-invalid")).toBe("true");
  await form.getByRole("textbox").fill("lines.csv");
  await form.getByRole("button", { name: "Run" }).click();
  await state(page, "Completed").waitFor();
  await form.waitFor({ state: "detached" });
});

test("[ST-12] a Blueprint with errors cannot be run; they are listed with their place", async () => {
  const page = await openPage(served.address);
  await openBlueprint(page, "Broken");
  const details = page.getByRole("complementary", { name: "Details" });
  await details.getByText("UNKNOWN_NODE_TYPE").waitFor();
  await details.getByText("13:11").waitFor();
  expect(await page.getByRole("button", { name: "Run", exact: true }).isDisabled()).toBe(true);
});

test("[ST-13] `run=1` runs the opened Blueprint once, and not again at a reload", async () => {
  const own = await serve(["--dir", folder, "--port", "0", "--start", join(folder, "long.blueprint.yaml")]);
  try {
    const page = await openPage(own.address);
    await state(page, "Running").waitFor();
    expect(page.url()).not.toContain("run=1");
    await page.reload();
    await state(page, "Completed").waitFor({ timeout: LONG_MS });
    const runs = page.getByRole("region", { name: "Runs" });
    expect(await runs.getByRole("listitem").count()).toBe(1);
    // Before its host goes: it would dial again, and its browser would complain.
    await page.close();
  } finally {
    await own.end();
  }
});

test("[ST-14] when the host goes, the page says so and keeps what it shows", async () => {
  const own = await serve(["--dir", folder, "--port", "0"]);
  const page = await openPage(own.address);
  await openBlueprint(page, "Fails");
  await run(page);
  await state(page, "Failed").waitFor();
  await own.end();
  await page.locator('[data-link="reconnecting"], [data-link="lost"]').waitFor();
  await page.getByRole("alert").waitFor();
  expect(await node(page, "refuse").getAttribute("data-state")).toBe("failed");
  // What a browser itself writes when nobody answers its dial is no fault of the page.
  complaints = complaints.filter((line) => !/WebSocket connection to .* failed/.test(line));
});

/** Every card with its state and its numbers, every wire, every line; times to the millisecond may differ by one. */
const picture = (page: Page) =>
  page.evaluate(() => {
    const text = (element: HTMLElement): string => element.innerText.replace(/\s+/g, " ").replace(/[\d.]+ m?s$/, "");
    const all = <E extends Element>(what: string): E[] => [...document.querySelectorAll<E>(what)];
    return {
      cards: all<HTMLElement>("[data-node]").map((card) => [card.dataset["node"], card.dataset["state"], text(card)]),
      wires: all("path.wire").map((wire) => [
        wire.closest("[data-id]")?.getAttribute("data-id"),
        wire.getAttribute("data-state"),
      ]),
      lines: all<HTMLElement>('[role="log"] li').map(text),
    };
  });

test.each([
  { name: "Slow loop", end: "Completed", cancels: false },
  { name: "Mixed loop", end: "Completed", cancels: false },
  { name: "Fails", end: "Failed", cancels: false },
  { name: "Long loop", end: "Cancelled", cancels: true },
])("[ST-17] a reload after the end gives the same picture: $name", async ({ name, end, cancels }) => {
  const page = await openPage(served.address, { viewport: { width: 1600, height: 1000 } });
  await openBlueprint(page, name);
  await run(page);
  if (cancels) {
    await page.getByRole("log").getByText("8 doubled is 16").waitFor();
    await page.getByRole("button", { name: "Cancel", exact: true }).click();
  }
  await state(page, end).waitFor();
  const live = await picture(page);
  expect(live.cards.length).toBeGreaterThan(1);
  expect(live.lines.length).toBeGreaterThan(0);
  await page.reload();
  await state(page, end).waitFor();
  await expect.poll(() => picture(page)).toEqual(live);
});

test("[ST-18] when the host dies in the middle of a run, the page stands still, and says what to do", async () => {
  const own = await serve(["--dir", folder, "--port", "0"]);
  const page = await openPage(own.address);
  await openBlueprint(page, "Long loop");
  await run(page);
  await until(page, "each/rest", "waiting");
  await own.end("SIGKILL");
  const bar = page.getByRole("region", { name: "Execution" });
  await bar.getByText("unknown since the host left").waitFor();
  await state(page, "Was running").waitFor();
  const shown = await bar.textContent();
  const port = new URL(own.address).port;
  const next = await serve(["--dir", folder, "--port", port]);
  try {
    await page.getByRole("alert").getByText("Open the address that it prints now").waitFor();
    expect(await page.getByRole("button", { name: "Try now" }).count()).toBe(0);
    expect(await bar.textContent()).toBe(shown);
  } finally {
    await next.end();
  }
  // What a browser itself writes when nobody answers its dial, or refuses it, is no fault of the page.
  complaints = complaints.filter((line) => !/WebSocket connection to .* failed/.test(line));
});

test("[ST-19] an address that names an execution alone leads to it and to its Blueprint", async () => {
  const one = await openPage(served.address);
  await openBlueprint(one, "Slow loop");
  await run(one);
  await state(one, "Completed").waitFor();
  const fields = new URLSearchParams(new URL(one.url()).hash.slice(1));
  const address = new URL(served.address);
  const token = new URLSearchParams(address.hash.slice(1)).get("token") ?? "";
  address.hash = new URLSearchParams({ token, execution: fields.get("execution") ?? "" }).toString();
  const two = await openPage(address.href);
  await state(two, "Completed").waitFor();
  await two.getByRole("heading", { level: 1, name: "Slow loop" }).waitFor();
  await until(two, "each/double", "completed");
});

test.each([1280, 390])("[ST-45] at %i px a card can be read, and what is at work is in view", async (width) => {
  const page = await openPage(served.address, { viewport: { width, height: 800 } });
  await page.locator('[data-link="live"]').waitFor();
  if (width < 1080) await page.getByRole("button", { name: "Open the library" }).first().click();
  await openBlueprint(page, "Chain");
  await node(page, "s1").waitFor();
  const card = (await node(page, "s1").boundingBox())!;
  // A card of 204 px holds text of 13 and 11 px.
  expect((card.width / 204) * 11).toBeGreaterThan(9);
  await run(page);
  await until(page, "s8", "waiting");
  const frame = (await page.getByRole("region", { name: "Graph" }).boundingBox())!;
  await expect
    .poll(async () => {
      const box = (await node(page, "s8").boundingBox())!;
      return (
        box.x >= frame.x &&
        box.y >= frame.y &&
        box.x + box.width <= frame.x + frame.width &&
        box.y + box.height <= frame.y + frame.height
      );
    })
    .toBe(true);
});

test.each([
  { width: 1280, height: 800, colorScheme: "light" as const },
  { width: 390, height: 844, colorScheme: "dark" as const },
])("[ST-15] fits a screen of $width px, $colorScheme", async ({ width, height, colorScheme }) => {
  const page = await openPage(served.address, { viewport: { width, height }, colorScheme, reducedMotion: "reduce" });
  await page.locator('[data-link="live"]').waitFor();
  if (width < 1080) await page.getByRole("button", { name: "Open the library" }).first().click();
  await openBlueprint(page, "Fails");
  await run(page);
  await state(page, "Failed").waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  expect(await page.evaluate(() => document.documentElement.dataset["theme"])).toBe(colorScheme);
  await node(page, "refuse").getByRole("button").click();
  await page.getByRole("complementary", { name: "Details" }).getByText("TOO_LITTLE").first().waitFor();
});

test("[ST-16] the keyboard alone opens, runs and inspects", async () => {
  const page = await openPage(served.address);
  await page.getByRole("navigation", { name: "Library" }).getByRole("button", { name: "Fails" }).first().waitFor();
  const reach = async (name: string): Promise<void> => {
    for (let presses = 0; presses < 60; presses += 1) {
      await page.keyboard.press("Tab");
      const focused = await page.evaluate(() => {
        const element = document.activeElement;
        return element === null ? "" : (element.getAttribute("aria-label") ?? element.textContent ?? "");
      });
      if (focused.startsWith(name)) return;
    }
    throw new Error(`Tab never reaches "${name}"`);
  };
  await reach("Fails");
  await page.keyboard.press("Enter");
  await node(page, "refuse").waitFor();
  await reach("Run");
  await page.keyboard.press("Enter");
  await state(page, "Failed").waitFor();
  await reach("refuse");
  await page.keyboard.press("Enter");
  const details = page.getByRole("complementary", { name: "Details" });
  await details.getByText("TOO_LITTLE").first().waitFor();
  expect(await details.getByRole("heading", { level: 2 }).textContent()).toBe("refuse");
});
