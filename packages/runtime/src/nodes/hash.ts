import { createHash, createHmac } from "node:crypto";

import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import { bytesOf } from "./content.ts";

export const hash = defineNode({
  type: "core/hash",
  version: "1.0.0",
  title: "Hash",
  category: "values",
  description:
    "Digest of a text (as UTF-8), a file, bytes, or any other value as JSON; with `key` an HMAC. Files of any size.",
  inputs: { content: port.value(z.any(), { description: "What to digest." }) },
  outputs: { digest: port.value(z.string(), { description: "The digest." }) },
  config: z.strictObject({
    algorithm: z
      .enum(["sha256", "sha384", "sha512", "sha1", "md5"])
      .default("sha256")
      .describe("sha1 and md5 are broken: for old formats only."),
    encoding: z.enum(["hex", "base64", "base64url"]).default("hex").describe("How the digest is written."),
    key: z.string().min(1).optional().describe("Secret of an HMAC, such as `${ secrets.signing }`."),
  }),
  example: "in: { content: read.file }\nwith: { algorithm: sha256 }",
  effect: "pure",
  runsOn: "inline",
  async run(ctx) {
    const { algorithm, encoding, key } = ctx.config;
    const hash = key === undefined ? createHash(algorithm) : createHmac(algorithm, key);
    let done = 0;
    for await (const chunk of bytesOf(ctx.in.content, ctx.blob)) {
      ctx.signal.throwIfAborted();
      hash.update(chunk);
      ctx.progress((done += chunk.byteLength));
    }
    ctx.progress(done, done);
    return { digest: hash.digest(encoding) };
  },
});
