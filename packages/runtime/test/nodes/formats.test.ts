import { createDecipheriv, createHash, scryptSync } from "node:crypto";

import { expect, test } from "vitest";

import { openBlobStore } from "../../src/blobs/blob-store.ts";
import type { BlobRef } from "../../src/blueprint/define-node.ts";
import { run } from "./core.ts";

const bytesOf = async (chunks: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
};

test("[R-NODE-76] core/yaml reads and writes YAML 1.2, and names line and column of what it cannot read", async () => {
  const read = async (content: unknown, config = {}) => (await run("yaml", { in: { content }, config })).outputs;
  expect(await read("a: [1, on]\nb: &x {c: 1.10}\nd: *x\n")).toEqual({
    value: { a: [1, "on"], b: { c: 1.1 }, d: { c: 1.1 } },
  });
  expect(await read("--- 1\n--- two\n", { documents: "all" })).toEqual({ value: [1, "two"] });
  await expect(read("--- 1\n--- two\n")).rejects.toMatchObject({ error: { code: "YAML" } });
  await expect(read("a: 1\nb: [1, 2\nc: 3")).rejects.toMatchObject({
    message: expect.stringMatching(/^Cannot read the YAML, line [23], column \d+: .*; correct the text$/),
    error: { code: "YAML" },
  });
  // 9^8 elements, were the aliases written out.
  const bomb = ["a: &a [x,x,x,x,x,x,x,x,x]"];
  for (const [from, to] of ["ab", "bc", "cd", "de", "ef", "fg", "gh"]) {
    bomb.push(`${to}: &${to} [${Array.from({ length: 9 }, () => `*${from}`).join(",")}]`);
  }
  await expect(read(bomb.join("\n"))).rejects.toMatchObject({ error: { code: "YAML" } });
  await expect(read("x".repeat(11), { limitBytes: 10 })).rejects.toMatchObject({ error: { code: "LIMIT" } });
  const value = { list: [1, "yes", null], text: "a\nb" };
  const { text } = await read(value, { mode: "write" });
  expect(await read(text)).toEqual({ value });
});

test("[R-NODE-77] core/xml reads elements, attributes and text, reads no entities of a document, and writes back the same", async () => {
  const read = async (content: unknown, config = {}) => (await run("xml", { in: { content }, config })).outputs;
  const text =
    '<?xml version="1.0"?><feed id="007"><entry>a &amp; b</entry><entry><![CDATA[<c>]]></entry><one>1</one></feed>';
  const value = { feed: { "@id": "007", entry: ["a & b", "<c>"], one: "1" } };
  expect(await read(text)).toEqual({ value });
  expect(await read(text, { lists: ["feed.one"] })).toEqual({ value: { feed: { ...value.feed, one: ["1"] } } });
  expect(await read((await read(value, { mode: "write" }))["text"])).toEqual({ value });
  await expect(read("<a>\n<b></a>")).rejects.toMatchObject({
    message: expect.stringMatching(/^Cannot read the XML, line 2, column \d+: .*'b'.*; correct it$/),
    error: { code: "XML" },
  });
  const outside = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>';
  expect(JSON.stringify(await read(outside).catch((error: unknown) => (error as Error).message))).not.toContain(
    "root:",
  );
  const lol = `<!DOCTYPE a [<!ENTITY a "${"x".repeat(1000)}">${"bcdefgh"
    .split("")
    .map((name, at) => `<!ENTITY ${name} "${`&${"abcdefg"[at]};`.repeat(10)}">`)
    .join("")}]><a>&h;</a>`;
  const read2 = await read(lol).catch((error: unknown) => (error as Error).message);
  expect(JSON.stringify(read2).length).toBeLessThan(100_000);
});

test("[R-NODE-78] core/html gives a field per selector and an item per match, also of pages with faults", async () => {
  const page = `<html><body><p>intro<table><tr class=row data-id=1><td><a href="/a">First <b>one</b></a><td>10</tr>
    <tr class=row data-id=2><td>Second<script>alert(1)</script></td><td>&euro;&nbsp;20</table>`;
  const fields = { id: "@data-id", name: "td:first-child", price: "td + td", link: "a@href", all: "." };
  const { items } = await run("html", { in: { content: page }, config: { items: "tr.row", fields } });
  expect(items["items"]).toEqual([
    { id: "1", name: "First one", price: "10", link: "/a", all: "First one10" },
    { id: "2", name: "Second", price: "€ 20", link: null, all: expect.stringContaining("Second") as string },
  ]);
  for (const config of [
    { items: "tr[", fields },
    { items: "tr", fields: { x: "td::" } },
  ]) {
    await expect(run("html", { in: { content: page }, config })).rejects.toMatchObject({ error: { code: "CONFIG" } });
  }
});

test("[R-NODE-79] core/json.stream gives the elements of a list or of lines one by one, and names the one that is broken", async () => {
  const read = async (content: unknown, config = {}) => (await run("json.stream", { in: { content }, config })).items;
  expect(await read('[1, {"a": [2, "é"]}, null]')).toEqual({ items: [1, { a: [2, "é"] }, null] });
  expect(await read('{"meta": {"rows": 1}, "data": {"rows": [1, [2]]}}', { at: "data.rows" })).toEqual({
    items: [1, [2]],
  });
  expect(await read('{"a":1}\n\n"b"\r\n3', { format: "lines" })).toEqual({ items: [{ a: 1 }, "b", 3] });
  await expect(read("[1, 2, x]")).rejects.toMatchObject({
    message: expect.stringMatching(/^Cannot read the JSON, item \d: it is not JSON/),
    error: { code: "JSON" },
  });
  await expect(read("[1, 2")).rejects.toMatchObject({ error: { code: "JSON" } });
  await expect(read('{"a": 1}')).rejects.toMatchObject({ error: { code: "JSON" } });
  await expect(read('{"a":1}\n{"b"', { format: "lines" })).rejects.toThrow("Cannot read the JSON, line 2: ");
});

test("[R-NODE-80] core/hash digests texts, files and values as others do, with a key as an HMAC", async () => {
  const digest = async (content: unknown, config = {}) =>
    (await run("hash", { in: { content }, config })).outputs["digest"];
  expect(await digest("größe")).toBe(createHash("sha256").update("größe").digest("hex"));
  expect(await digest({ a: 1 }, { algorithm: "sha512", encoding: "base64url" })).toBe(
    createHash("sha512").update('{"a":1}').digest("base64url"),
  );
  // RFC 4231, test case 2.
  expect(await digest("what do ya want for nothing?", { key: "Jefe" })).toBe(
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
});

test("[R-NODE-81] core/crypto encrypts with AES-256-GCM and decrypts its own, and nothing comes out of what was changed", async () => {
  const blobs = openBlobStore({ memory: true });
  const plain = Buffer.alloc(300_001, "secret ");
  const passphrase = "correct horse";
  const crypt = async (content: unknown, config: Record<string, unknown>) =>
    (await run("crypto", { in: { content }, config: { passphrase, ...config }, blobs })).outputs["file"] as BlobRef;
  const source = await blobs.put(plain, { name: "a.txt" });
  const locked = await crypt(source, { mode: "encrypt" });
  expect(locked.name).toBe("a.txt.enc");
  const bytes = await bytesOf(blobs.open(locked));
  expect(bytes.includes("secret secret")).toBe(false);
  expect((await crypt(source, { mode: "encrypt" })).$blob).not.toBe(locked.$blob);

  // By the documented layout, without the node.
  const key = scryptSync(passphrase, bytes.subarray(4, 20), 32, { N: 2 ** 15, r: 8, p: 1, maxmem: 2 ** 26 });
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(20, 32)).setAAD(bytes.subarray(0, 32));
  decipher.setAuthTag(bytes.subarray(-16));
  expect(Buffer.concat([decipher.update(bytes.subarray(32, -16)), decipher.final()]).equals(plain)).toBe(true);

  const opened = await crypt(locked, { mode: "decrypt", type: "text/plain" });
  expect(opened).toMatchObject({ $blob: source.$blob, name: "a.txt", type: "text/plain" });
  const refused = { error: { code: "DECRYPT", class: "user" } };
  await expect(crypt(locked, { mode: "decrypt", passphrase: "wrong horse" })).rejects.toMatchObject(refused);
  for (const at of [5, 40, bytes.length - 1]) {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 1;
    await expect(crypt(changed, { mode: "decrypt" })).rejects.toMatchObject(refused);
  }
  for (const short of [
    bytes.subarray(0, 20),
    bytes.subarray(0, 40),
    bytes.subarray(0, -1),
    Buffer.from("no such file"),
  ]) {
    await expect(crypt(short, { mode: "decrypt" })).rejects.toMatchObject(refused);
  }
});
