import { readdirSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { constructs } from "../../src/engine/plan/constructs.ts";
import { coreNodes } from "../../src/nodes/index.ts";
import { nodesPage, silentParts, wrongExamples } from "./nodes-page.ts";

/** Codes in the sources: of `NodeError`, and of the small functions that make one. */
const THROWN = /(?:code: |refused\(\s*(?:path,\s*)?|CODE: )"([A-Z][A-Z_]+)"/g;
/** What each node reports beside the codes that all do. */
const CODES: Record<string, string> = {
  "core/collect": "`LIMIT`.",
  "core/code": "`CODE_ERROR`, `TIME_LIMIT`, `OUT_OF_MEMORY`.",
  "core/csv.read":
    "`CSV_HEADER`, `CSV_ROW`, `CSV_VALUE`, `CSV_COLUMN`, `CSV_QUOTE_NOT_CLOSED`, `CSV_INVALID_CLOSING_QUOTE`, `CSV_INVALID_OPENING_QUOTE`, `CSV_MAX_RECORD_SIZE`, `ENCODING`, and those of the file system.",
  "core/csv.write": "`CSV_COLUMN`, and those of the file system.",
  "core/fail": "its own, `FAILED` unless set.",
  "core/file.read": "`ENCODING`, `JSON`, `LIMIT`, and those of the file system.",
  "core/file.write": "those of the file system.",
  "core/filter": "`EXPRESSION`.",
  "core/input.wait": "`CONFIG`, `TIMEOUT`.",
  "core/http.request":
    "`http.404` and so on; `ECONNREFUSED`, `ENOTFOUND`, `ECONNRESET` and other network codes; `HTTP_REDIRECT`, `BAD_PORT`, `JSON`, `LIMIT`.",
  "core/merge": "`ZIP`.",
  "core/shell": "`EXIT`, `SIGNAL`, `OUTPUT_LIMIT`, `LIMIT`, and `ENOENT`, `EACCES`, `E2BIG` when it does not start.",
  "core/switch": "`EXPRESSION`.",
  "core/template": "`TEMPLATE`.",
  "core/transform": "`EXPRESSION`.",
  "core/assert": "`ASSERT`, `EXPRESSION`.",
  "core/crypto": "`DECRYPT`.",
  "core/dedupe": "`EXPRESSION`, `LIMIT`.",
  "core/file.list": "those of the file system.",
  "core/file.watch": "those of the file system.",
  "core/html": "`ENCODING`, `LIMIT`.",
  "core/json.stream": "`JSON`, `LIMIT`.",
  "core/pick-fields": "`FIELD`.",
  "core/sort": "`SORT`, `EXPRESSION`, `LIMIT`.",
  "core/validate": "`INVALID_ITEM`.",
  "core/webhook": "`EADDRINUSE`, `EACCES` and others of the network, `LISTEN`.",
  "core/xml": "`XML`, `ENCODING`, `LIMIT`.",
  "core/while": "`ITERATION_LIMIT`, `EXPRESSION`.",
  "core/yaml": "`YAML`, `ENCODING`, `LIMIT`.",
};

test("[R-NODE-63] docs/nodes.md says what the definitions say (update: npx vitest run nodes-page -u)", async () => {
  await expect(nodesPage([...constructs, ...coreNodes], CODES)).toMatchFileSnapshot("../../../../docs/nodes.md");
});

test("[R-NODE-64] every node, port and setting is described, and each node has an example that fits", () => {
  expect(silentParts(coreNodes)).toEqual([]);
  expect(wrongExamples([...constructs, ...coreNodes])).toEqual([]);
});

test("[R-NODE-65] every code that a node throws is documented", () => {
  const folder = `${import.meta.dirname}/../../src/nodes/`;
  const page = nodesPage([...constructs, ...coreNodes], CODES);
  const thrown = readdirSync(folder)
    .flatMap((file) => [...readFileSync(folder + file, "utf8").matchAll(THROWN)].map(([, code]) => code!))
    // Those of the system are documented as a whole.
    .filter((code) => !/^E(?:NOENT|ISDIR|NOTDIR)$/.test(code));
  expect(new Set(thrown).size).toBeGreaterThan(10);
  expect([...new Set(thrown)].filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
});
