import { expect, test } from "vitest";
import { z } from "zod";

import { createCatalog } from "../../src/blueprint/catalog.ts";
import { defineNode, port } from "../../src/blueprint/define-node.ts";
import { examine } from "../../src/blueprint/draft.ts";
import { parseBlueprint } from "../../src/blueprint/parse.ts";

const make = (type: `${string}/${string}`) =>
  defineNode({
    type,
    version: "1.0.0",
    title: type,
    category: "test",
    effect: "write",
    runsOn: "inline",
    inputs: { text: port.value(z.string()) },
    outputs: { text: port.value(z.string()) },
    config: z.strictObject({ times: z.number().default(1) }),
    run: () => Promise.resolve({}),
  });
const catalog = createCatalog([make("test/echo"), make("test/shout")]);

const examined = (lines: string[]): string[] => {
  const text = [
    "apiVersion: atomiton.dev/v1",
    "kind: Blueprint",
    "name: n",
    "inputs: { name: { type: string } }",
    ...lines,
  ];
  return examine(parseBlueprint(text.join("\n"), "f.blueprint.yaml"), catalog).map((p) => `${p.line} ${p.code}`);
};

test("[R-BP-16] reports mistakes of shape and of graph together, in the file's order", () => {
  expect(
    examined([
      "nodes:",
      "  first: { uses: test/ecko@1, in: { text: $inputs.name } }",
      "  second: { uses: test/echo@1, in: { text: $inputs.name }, wiht: { times: 2 } }",
      "  third: { uses: test/shout@1, in: { text: second.txet }, timeout: soon }",
      "  fourth: { uses: test/echo@1, in: { text: $inputs.name }, with: { tiems: 2 } }",
    ]),
  ).toEqual(["6 UNKNOWN_NODE_TYPE", "7 UNKNOWN_KEY", "8 UNKNOWN_PORT", "8 SCHEMA", "9 CONFIG"]);
});

test("[R-BP-16] does not report what only follows from the wrong place", () => {
  expect(
    examined([
      "nodes:",
      "  first: { in: { text: $inputs.name } }",
      "  second: { uses: test/echo@1, in: { text: first.text } }",
      "  third: { uses: test/echo@1, in: { text: 7 } }",
      "  fourth: { uses: test/echo@1, in: { text: third.text } }",
    ]),
  ).toEqual(["6 SCHEMA", "8 SCHEMA"]);
});
