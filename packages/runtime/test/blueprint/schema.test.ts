import { readFileSync } from "node:fs";

import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import { parse } from "yaml";

import { blueprintJsonSchema, parseBlueprint } from "../../src/blueprint/index.ts";
import { badYaml } from "./bad-files.ts";
import { HEAD } from "./catalog.ts";
import { feed } from "./feed.ts";

const published = JSON.parse(
  readFileSync(new URL("../../schema/blueprint.schema.json", import.meta.url), "utf8"),
) as object;

test("[R-BP-14] publishes the JSON Schema that the parser judges by; `node packages/runtime/schema/write.ts` writes it anew", () => {
  expect(published).toEqual(blueprintJsonSchema());
  expect(published).toMatchObject({ $schema: "https://json-schema.org/draft/2020-12/schema" });
});

/** What a shape cannot say is the parser's alone: texts that cannot be read, values that lead nowhere. */
const BEYOND_SHAPE = /SYNTAX|declare|longest|no node has/;

test("[R-BP-15] JSON Schema and parser agree on every good and bad file", () => {
  const validate = new Ajv2020({ strict: true, strictTypes: false, strictTuples: false, allErrors: true }).compile(
    published,
  );
  const files = [
    ...badYaml.map(({ text }) => text),
    feed,
    `${HEAD}nodes: {}\n`,
    `${HEAD}nodes: { a: { uses: core/x.y@12, after: b, in: { p: [b.q, $item] } }, b: { uses: ../x/y.blueprint.json } }\n`,
    `${HEAD}nodes: { a: { uses: core/x@1, body: { nodes: { c: { uses: core/x } } } } }\n`,
    `${HEAD}nodes: { a: { uses: core/x@1, timeout: 1.5s, onUnknown: ask, retry: { attempts: 1000, on: [] } } }\n`,
    `${HEAD}inputs: { a: { type: list<list<list<any>>>, enum: [1] }, b: { type: { type: string } }, c: { type: "list<list<list<list<any>>>>" } }\nnodes: {}\n`,
    `${HEAD}id: ""\nversion: 1.2.3-rc.1\nsecrets: [a b]\nnodes: {}\n`,
    `${HEAD}ui: { a: [1, 2, 3] }\noutputs: { a: { from: $key, extra: 1 } }\nnodes: {}\n`,
  ];
  let [good, bad] = [0, 0];
  for (const text of files) {
    const { problems } = parseBlueprint(text, "x.blueprint.yaml");
    if (problems.some(({ code, message }) => BEYOND_SHAPE.test(`${code} ${message}`))) continue;
    expect(validate(parse(text, { schema: "core" })), `${text}\n${JSON.stringify(problems)}`).toBe(
      problems.length === 0,
    );
    if (problems.length === 0) good++;
    else bad++;
  }
  expect([good, bad]).toEqual([3, 18]);
});
