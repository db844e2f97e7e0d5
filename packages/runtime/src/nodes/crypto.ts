import { createCipheriv, createDecipheriv, randomBytes, scrypt, type DecipherGCM } from "node:crypto";

import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import type { BlobAccess } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { bytesOf, isBlobRef } from "./content.ts";

/**
 * An encrypted file: MAGIC, 16 bytes of salt, 12 of nonce, the AES-256-GCM ciphertext, 16 of tag. The key is
 * scrypt(passphrase, salt) with N = 2^15, r = 8, p = 1. The head is authenticated with the data.
 */
const MAGIC = Buffer.from("ATC1");
const HEAD = MAGIC.length + 16 + 12;
const TAG = 16;
const SCRYPT = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 ** 2 };
/** GCM's own limit for one nonce, bytes. */
const LIMIT_BYTES = 2 ** 36 - 32;

export const crypto = defineNode({
  type: "core/crypto",
  version: "1.0.0",
  title: "Encrypt or decrypt",
  category: "values",
  description:
    "Encrypts content into a file with a passphrase (AES-256-GCM, key by scrypt), or decrypts such a file. A wrong passphrase and a changed file fail with `DECRYPT`, and nothing of it comes out.",
  inputs: {
    content: port.value(z.any(), { description: "Text, a file, bytes or a value as JSON; to decrypt, a file." }),
  },
  outputs: { file: port.file({ description: "The encrypted or decrypted file." }) },
  config: z.strictObject({
    mode: z.enum(["encrypt", "decrypt"]).describe("Which way."),
    passphrase: z.string().min(8).describe("Such as `${ secrets.backup }`. At least 8 characters."),
    name: z.string().optional().describe("Name of the new file. Left out: the old one with `.enc` more, or less."),
    type: z.string().default("application/octet-stream").describe("Media type of a decrypted file."),
  }),
  example: 'in: { content: read.file }\nwith: { mode: encrypt, passphrase: "${ secrets.backup }" }',
  // Each encryption has its own salt and nonce: equal inputs, other bytes.
  effect: "pure",
  runsOn: "inline",
  async run(ctx) {
    const { mode, passphrase } = ctx.config;
    const { content } = ctx.in as { content: unknown };
    const before = isBlobRef(content) ? (content.name ?? "data") : "data";
    const source = counted(bytesOf(content, ctx.blob), ctx.signal, (done) => ctx.progress(done));
    const name = ctx.config.name ?? (mode === "encrypt" ? `${before}.enc` : before.replace(/\.enc$/, ""));
    const put = (bytes: AsyncIterable<Uint8Array>, type: string): ReturnType<BlobAccess["put"]> =>
      ctx.blob.put(bytes, { type, name });
    if (mode === "encrypt") return { file: await put(encrypt(source, passphrase), "application/octet-stream") };
    return { file: await put(decrypt(source, passphrase), ctx.config.type) };
  },
});

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  onBytes: (done: number) => void,
): AsyncGenerator<Uint8Array> {
  let done = 0;
  for await (const chunk of chunks) {
    signal.throwIfAborted();
    onBytes((done += chunk.byteLength));
    if (done > LIMIT_BYTES) throw refused("it is larger than 64 GiB; split it");
    yield chunk;
  }
}

const keyOf = (passphrase: string, salt: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) =>
    scrypt(passphrase, salt, 32, SCRYPT, (error, key) => (error ? reject(error) : resolve(key))),
  );

async function* encrypt(chunks: AsyncIterable<Uint8Array>, passphrase: string): AsyncGenerator<Uint8Array> {
  const head = Buffer.concat([MAGIC, randomBytes(HEAD - MAGIC.length)]);
  const cipher = createCipheriv("aes-256-gcm", await keyOf(passphrase, saltOf(head)), nonceOf(head));
  cipher.setAAD(head);
  yield head;
  for await (const chunk of chunks) yield cipher.update(chunk);
  yield cipher.final();
  yield cipher.getAuthTag();
}

/** The tag comes last and is checked last: whoever reads must use nothing before the end, as the blob store does. */
async function* decrypt(chunks: AsyncIterable<Uint8Array>, passphrase: string): AsyncGenerator<Uint8Array> {
  let decipher: DecipherGCM | undefined;
  let held = Buffer.alloc(0);
  for await (const chunk of chunks) {
    held = Buffer.concat([held, chunk]);
    if (!decipher) {
      if (held.length < HEAD) continue;
      const head = held.subarray(0, HEAD);
      if (!head.subarray(0, MAGIC.length).equals(MAGIC)) throw refused(NOT_OURS);
      decipher = createDecipheriv("aes-256-gcm", await keyOf(passphrase, saltOf(head)), nonceOf(head));
      decipher.setAAD(head);
      held = held.subarray(HEAD);
    }
    if (held.length <= TAG) continue;
    yield decipher.update(held.subarray(0, -TAG));
    held = held.subarray(-TAG);
  }
  if (!decipher || held.length < TAG) throw refused(NOT_OURS);
  decipher.setAuthTag(held);
  try {
    yield decipher.final();
  } catch {
    throw refused("the passphrase is wrong, or the file was changed; give the one that it was encrypted with");
  }
}

const saltOf = (head: Buffer): Buffer => head.subarray(MAGIC.length, MAGIC.length + 16);
const nonceOf = (head: Buffer): Buffer => head.subarray(MAGIC.length + 16, HEAD);
const NOT_OURS = "it is not a file that this node encrypted; wire such a file";
const refused = (state: string): NodeError =>
  new NodeError(`Cannot decrypt the content: ${state}`, { code: "DECRYPT", class: "user", retryable: false });
