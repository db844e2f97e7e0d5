/** Studio's look at its own link: the built command serves the built page, real Chromium opens it. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium, type Browser, type Locator, type Page } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";

import { launchOptions } from "./chromium.ts";

const root = new URL("..", import.meta.url).pathname;
/** Where pictures are put for a person to look at; none are taken without it. */
const pictures = process.env["ATOMITON_PICTURES"];

let folder: string;
let host: ChildProcess;
let address: string;
let browser: Browser;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "atomiton-inspector-"));
  cpSync(join(root, "tests/fixtures/studio"), folder, { recursive: true });
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

async function open(width: number, colorScheme: "light" | "dark"): Promise<Page> {
  const context = await browser.newContext({ viewport: { width, height: 844 }, colorScheme, reducedMotion: "reduce" });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  await page.goto(address);
  await page.locator('[data-link="live"]').waitFor();
  return page;
}

/** What stands beside a name. */
const fact = (inspector: Locator, name: string): Promise<string | null> =>
  inspector
    .locator("dt", { hasText: new RegExp(`^${name}$`) })
    .locator("xpath=following-sibling::dd[1]")
    .textContent();

test.each([
  [1280, "light"],
  [1280, "dark"],
  [390, "light"],
  [390, "dark"],
] as const)(
  "[ST-46] at %i px, %s, the inspector shows the link, its queues and losses, rates, what is wanted and the last messages",
  async (width, scheme) => {
    const page = await open(width, scheme);
    const openLibrary = async (): Promise<void> => {
      if (width < 1080) await page.getByRole("button", { name: "Open the library" }).first().click();
    };
    await openLibrary();
    await page.getByRole("navigation", { name: "Library" }).getByRole("button", { name: "Chain" }).first().click();
    await page.locator('[data-node="s1"]').waitFor();
    await page.getByRole("button", { name: /^Run…?$/ }).click();
    // The one that takes two seconds.
    await page.locator('[data-node="s8"][data-state="waiting"]').waitFor();
    await openLibrary();
    await page.getByRole("button", { name: "Inspect the link…" }).click();
    const inspector = page.getByRole("dialog", { name: "The link to the host" });
    await inspector.locator('[data-inspector="open"]').waitFor();
    // The run goes on: its events are counted as they come.
    const progress = inspector.locator('[data-traffic^="runtime:"]').first();
    await progress.waitFor();
    expect([await fact(inspector, "Peer"), await fact(inspector, "Over")]).toEqual(["host", "websocket"]);
    expect(await fact(inspector, "Queued")).toMatch(/^\d+ messages, /);
    expect(await fact(inspector, "Received")).toMatch(/^[1-9][\d,]* events, [1-9][\d,]* frames$/);
    await inspector.getByText("Nothing was lost on this link.").waitFor();
    const answers = inspector.getByRole("region", { name: "Interest" }).getByRole("listitem");
    expect(await answers.allTextContents()).toEqual(expect.arrayContaining(["runtime:execute", "runtime:cancel"]));
    expect(
      await inspector.getByRole("region", { name: "Last messages" }).getByRole("listitem").count(),
    ).toBeGreaterThan(0);
    expect(await inspector.evaluate((element) => element.scrollWidth - element.clientWidth)).toBeLessThanOrEqual(0);
    await expect.poll(async () => Number(await progress.getByRole("cell").nth(1).textContent())).toBeGreaterThan(0);
    if (pictures !== undefined) {
      await page.screenshot({ path: join(pictures, `inspector-${width}-${scheme}.png`) });
      await inspector.getByRole("region", { name: "Last messages" }).scrollIntoViewIfNeeded();
      await page.screenshot({ path: join(pictures, `inspector-${width}-${scheme}-end.png`) });
    }
    await page.keyboard.press("Escape");
    await inspector.waitFor({ state: "detached" });
    await page.context().close();
  },
);

test("[ST-46] when the host goes the inspector says so", async () => {
  const page = await open(1280, "light");
  await page.getByRole("button", { name: "Inspect the link…" }).click();
  const inspector = page.getByRole("dialog", { name: "The link to the host" });
  await inspector.locator('[data-inspector="open"]').waitFor();
  // Before it was opened nobody counted.
  await inspector.getByText("Nothing has passed since this was opened.").waitFor();
  host.kill("SIGKILL");
  const at = (): Promise<string | null> => inspector.locator("[data-inspector]").getAttribute("data-inspector");
  await expect.poll(at).toMatch(/^(waiting|dialing)$/);
  await page.context().close();
});
