/** A node type of one's own. Give it to a host: `new Runtime({ nodes: [wordCount] })`. */
import { defineNode, NodeError, port } from "@atomiton/runtime";
import { z } from "zod";

export const wordCount = defineNode({
  type: "acme/words.count",
  version: "1.0.0",
  title: "Count words",
  category: "text",
  description: "Counts the words of a text file and lists the most frequent ones.",
  inputs: { file: port.file({ description: "UTF-8 text of any size." }) },
  outputs: {
    total: port.value(z.number().int(), { description: "Words in all." }),
    top: port.stream(z.object({ word: z.string(), count: z.number() }), { description: "Most frequent first." }),
  },
  config: z.strictObject({
    limit: z.number().int().min(1).default(10).describe("Words to list."),
    minLength: z.number().int().min(1).default(1).describe("Shorter words are not counted."),
  }),
  effect: "pure",
  runsOn: "inline",
  cache: "inputs",
  async run(ctx) {
    const counts = new Map();
    const decoder = new TextDecoder("utf-8", { fatal: true });
    const count = (text) => {
      for (const [word] of text.toLowerCase().matchAll(/[\p{L}\p{N}']+/gu)) {
        if (word.length >= ctx.config.minLength) counts.set(word, (counts.get(word) ?? 0) + 1);
      }
    };
    let bytes = 0;
    let rest = "";
    for await (const chunk of ctx.blob.open(ctx.in.file)) {
      ctx.signal.throwIfAborted();
      try {
        rest += decoder.decode(chunk, { stream: true });
      } catch {
        throw new NodeError(`Cannot count the words of "${ctx.in.file.name}": it is not UTF-8; convert it first`, {
          code: "ENCODING",
          class: "user",
          retryable: false,
        });
      }
      // A chunk may end within a word, which waits for the next one.
      const end = rest.search(/[\p{L}\p{N}']*$/u);
      count(rest.slice(0, end));
      rest = rest.slice(end);
      ctx.progress((bytes += chunk.byteLength), ctx.in.file.size);
    }
    count(rest);
    const sorted = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
    for (const [word, times] of sorted.slice(0, ctx.config.limit)) await ctx.emit("top", { word, count: times });
    return { total: sorted.reduce((sum, [, times]) => sum + times, 0) };
  },
});
