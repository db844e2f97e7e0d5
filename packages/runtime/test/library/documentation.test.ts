import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { checkBlueprint, createCatalog, parseBlueprint } from "../../src/blueprint/index.ts";
import { constructs } from "../../src/engine/plan/constructs.ts";
import { openLibrary } from "../../src/library/index.ts";
import { coreNodes } from "../../src/nodes/index.ts";

const root = new URL("../../../../", import.meta.url);
const catalog = createCatalog([...coreNodes, ...constructs]);

test("[R-CHK-3] finds nothing in the documentation's Blueprints", () => {
  const page = readFileSync(new URL("docs/blueprint.md", root), "utf8");
  const blocks = [...page.matchAll(/```yaml\n(apiVersion[^]*?)```/g)].map(([, text]) => text!);
  expect(blocks).toHaveLength(3);
  for (const text of blocks) {
    const { blueprint, problems } = parseBlueprint(text, "docs/blueprint.md");
    expect(problems).toEqual([]);
    expect(checkBlueprint(blueprint!, catalog)).toEqual([]);
  }
});

test("[R-CHK-3] finds nothing in the examples", async () => {
  const library = openLibrary(new URL("examples", root).pathname, { catalog });
  const entries = await library.list();
  expect(entries.length).toBeGreaterThanOrEqual(3);
  for (const { file } of entries) expect([file, (await library.describe(file)).problems]).toEqual([file, []]);
});
