import { expect, test } from "vitest";

import { wordCount } from "../../../../examples/custom-node/word-count.ts";
import { openBlobStore } from "../../src/blobs/blob-store.ts";
import { defineNode, port } from "../../src/blueprint/define-node.ts";
import { Runtime } from "../../src/runtime.ts";
import { runNode } from "../../src/testing.ts";

const text = "The cat saw the dog. The dog, the big DOG, didn't.";

test("[R-NODE-60] a node of one's own runs alone in the test kit, with real blobs, progress and errors", async () => {
  const blobs = openBlobStore({ memory: true });
  const file = await blobs.put(new TextEncoder().encode(text), { name: "a.txt" });
  const result = await runNode(wordCount, { in: { file }, config: { limit: 2 }, blobs });
  expect(result.outputs).toEqual({ total: 11 });
  expect(result.items["top"]).toEqual([
    { word: "the", count: 4 },
    { word: "dog", count: 3 },
  ]);
  expect(result.progress).toEqual([{ done: text.length, total: text.length }]);
  const bad = await blobs.put(new Uint8Array([0xff]), { name: "b.bin" });
  await expect(runNode(wordCount, { in: { file: bad }, blobs })).rejects.toMatchObject({ error: { code: "ENCODING" } });
});

test("[R-NODE-61] a node of one's own runs in a Blueprint, beside the core nodes", async () => {
  const runtime = new Runtime({ nodes: [wordCount] });
  const executionId = await runtime.execute({
    inline: {
      apiVersion: "atomiton.dev/v1",
      kind: "Blueprint",
      id: "words",
      name: "Words",
      version: "1.0.0",
      outputs: { total: { type: "integer", from: "count.total" }, top: { type: "any", from: "count.top" } },
      nodes: {
        print: { uses: "core/shell@1", with: { command: "printf", args: [text] } },
        count: { uses: "acme/words.count@1", in: { file: "print.stdoutFile" }, with: { limit: 1 } },
      },
    },
  });
  expect(await runtime.waitForCompletion(executionId)).toEqual({ total: 11, top: [{ word: "the", count: 4 }] });
  await runtime.close();
});

test("[R-NODE-62] the test kit refuses what the node's own schemas refuse, in and out", async () => {
  await expect(runNode(wordCount)).rejects.toMatchObject({ error: { code: "INVALID_INPUT", class: "user" } });
  await expect(runNode(wordCount, { in: { file: "a.txt" } })).rejects.toMatchObject({
    error: { code: "INVALID_INPUT" },
  });
  const file = { $blob: `sha256:${"0".repeat(64)}`, size: 1, type: "x" };
  await expect(runNode(wordCount, { in: { file }, config: { limit: 0 } })).rejects.toMatchObject({
    error: { code: "CONFIG", class: "config" },
  });
  await expect(runNode(wordCount, { in: { file, other: 1 } })).rejects.toThrow("no such port");
  const { z } = await import("zod");
  const liar = defineNode({
    type: "acme/liar",
    version: "1.0.0",
    title: "Liar",
    category: "test",
    inputs: {},
    outputs: { n: port.value(z.number()), s: port.stream(z.string()) },
    config: z.strictObject({ how: z.string() }),
    effect: "pure",
    runsOn: "inline",
    async run(ctx) {
      if (ctx.config.how === "emit") await ctx.emit("s", 1 as unknown as string);
      if (ctx.config.how === "port") await ctx.emit("n" as "s", "x");
      return { n: "no number" as unknown as number };
    },
  });
  await expect(runNode(liar, { config: { how: "return" } })).rejects.toMatchObject({
    error: { code: "INVALID_OUTPUT" },
  });
  await expect(runNode(liar, { config: { how: "emit" } })).rejects.toMatchObject({ error: { code: "INVALID_OUTPUT" } });
  await expect(runNode(liar, { config: { how: "port" } })).rejects.toThrow("it is not a stream port");
});
