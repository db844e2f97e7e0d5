import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openBlobStore } from "@atomiton/runtime";
import { expect, onTestFinished, test } from "vitest";

import { mayOpenBrowser } from "../src/serve/browser.ts";
import { allowedHosts, isLoopback } from "../src/serve/hosts.ts";
import { httpApp } from "../src/serve/http-app.ts";
import { findStudio } from "../src/serve/studio-files.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "atomiton-serve-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

test("[R-CLI-24] a browser is opened only where a person sits", () => {
  expect(mayOpenBrowser({ isTTY: true }, {})).toBe(true);
  expect(mayOpenBrowser({ isTTY: true }, { CI: "1" })).toBe(false);
  expect(mayOpenBrowser({ isTTY: true }, { NO_BROWSER: "1" })).toBe(false);
  expect(mayOpenBrowser({}, {})).toBe(false);
});

test("[R-CLI-25] without the built page serve says how to build it", () => {
  const root = folder();
  const command = join(root, "cli/dist/atomiton.js");
  expect(() => findStudio(command)).toThrow(/Cannot serve Studio: .*build it with "npm run build"/);
  mkdirSync(join(root, "studio/dist"), { recursive: true });
  writeFileSync(join(root, "studio/dist/index.html"), "");
  expect(findStudio(command)).toBe(join(root, "studio/dist"));
});

test("[R-CLI-26] on loopback only loopback names are let in", () => {
  expect(allowedHosts("127.0.0.1", 4810)).toEqual(["127.0.0.1:4810", "localhost:4810", "[::1]:4810"]);
  expect(allowedHosts("localhost", 80)).toContain("localhost");
  expect(["127.0.0.1", "127.9.9.9", "localhost", "::1"].every(isLoopback)).toBe(true);
  expect(["0.0.0.0", "192.168.1.2", "127.example", "evil.localhost.example"].some(isLoopback)).toBe(false);
});

test("[R-CLI-26] --host opens the server to its own name and no other", () => {
  expect(allowedHosts("192.168.1.2", 1)).toContain("192.168.1.2:1");
  expect(allowedHosts("fe80::1", 1)).toContain("[fe80::1]:1");
  expect(allowedHosts("0.0.0.0", 1)).toContain("127.0.0.1:1");
  expect(allowedHosts("192.168.1.2", 1)).not.toContain("192.168.1.3:1");
});

test("[R-CLI-27] a blob is given as a download of its exact bytes, to those who hold the token", async () => {
  const blobs = openBlobStore({ memory: true });
  onTestFinished(() => blobs.close());
  const page = new TextEncoder().encode("<script>alert(1)</script>".repeat(10_000));
  const ref = await blobs.put(page, { type: "text/html", name: "x.html" });
  const studio = folder();
  const app = httpApp({
    studio,
    token: "secret",
    hosts: () => ["here:1"],
    origins: () => [],
    blobs: {
      async open(hash) {
        const known = await blobs.stat({ $blob: hash });
        return known && { size: known.size, bytes: blobs.open({ $blob: hash, size: known.size, type: "" }) };
      },
    },
  });
  const ask = (hash: string, token: string, method = "GET") =>
    app.request(`/blobs/${hash}`, { method, headers: { host: "here:1", authorization: `Bearer ${token}` } });
  const given = await ask(ref.$blob, "secret");
  expect(Object.fromEntries(given.headers)).toMatchObject({
    "content-type": "application/octet-stream",
    "content-disposition": "attachment",
    "content-length": String(page.byteLength),
    "x-content-type-options": "nosniff",
  });
  expect(new Uint8Array(await given.arrayBuffer())).toEqual(page);
  expect((await ask(ref.$blob, "other")).status).toBe(401);
  expect((await ask(ref.$blob, "secret", "DELETE")).status).toBe(405);
});
