/** A page whose Content-Security-Policy forbids making code, in Chromium, with a codec from a build step. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { EventBus } from "@atomiton/events";
import { compiledCodec } from "@atomiton/events/codec";
import { generateCodec } from "@atomiton/events/codec/build";
import { deflate, serveBus } from "@atomiton/events/node";
import { chromium } from "playwright";
import { build } from "rolldown";
import { expect, onTestFinished, test } from "vitest";

import { launchOptions } from "./chromium.ts";
import { contract } from "./fixtures/codec/contract.ts";

const POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'";

test("[E-COD-10] a page that may not make code speaks the codec that was made at build time, compressed, both ways", async () => {
  const folder = mkdtempSync(join(tmpdir(), "atomiton-codec-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const generated = new URL("./fixtures/codec/generated.js", import.meta.url).pathname;
  await build({
    input: new URL("./fixtures/codec/page.ts", import.meta.url).pathname,
    platform: "browser",
    plugins: [
      {
        name: "what a build step would have written",
        resolveId: (source) => (source === "virtual:codec" ? generated : undefined),
        load: (id) => (id === generated ? generateCodec(contract) : undefined),
      },
    ],
    output: { file: join(folder, "page.js"), format: "esm", codeSplitting: false },
  });

  const server = createServer((request, response) => {
    const isScript = request.url === "/page.js";
    const type = isScript ? "text/javascript" : "text/html";
    response.writeHead(200, { "content-type": type, "content-security-policy": POLICY });
    response.end(isScript ? readFileSync(join(folder, "page.js")) : '<script type="module" src="/page.js"></script>');
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const codecs = [compiledCodec(contract)];
  const host = new EventBus({ contract, role: "host", codecs, compression: deflate() });
  const served = serveBus(host, server, { token: "strict", admits: { role: "ui", grants: [] } });
  const browser = await chromium.launch(launchOptions);
  onTestFinished(async () => {
    await browser.close();
    await Promise.all([host.close(), served.close()]);
    server.close();
  });

  const back: unknown[] = [];
  await host.on("strict:back", (row) => back.push(row)).ready;
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as { port: number }).port}/`);
  await expect.poll(() => page.title(), { timeout: 10_000 }).not.toBe("");
  expect(JSON.parse(await page.title())).toMatchObject({
    mayMakeCode: false,
    session: { codec: codecs[0]!.name, compression: "deflate-raw" },
  });

  const rows = Array.from({ length: 2_000 }, (_, n) => ({ n, name: `row ${n}`, ...(n % 2 === 0 && { note: "even" }) }));
  for (const row of rows) host.emit("strict:row", row);
  await expect.poll(() => back.length, { timeout: 10_000 }).toBe(rows.length);
  expect(back).toEqual(rows);
  expect(host.inspect().links[0]!.violations).toEqual({});
});
