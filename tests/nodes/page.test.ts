import { readdirSync, readFileSync } from "node:fs";

import { optionalPackages, type AnyNodeDef } from "@atomiton/runtime";
import { expect, test } from "vitest";

import { nodesPage, silentParts, wrongExamples } from "../../packages/runtime/test/nodes/nodes-page.ts";

const PACKAGES = new URL("../../packages/", import.meta.url);
const INTRO = `# Nodes of optional packages

Made from their definitions, as [nodes.md](nodes.md) is. A package is installed beside the Blueprints or beside the runtime, and loaded when a Blueprint first uses one of its types.
`;

async function nodesOf(name: string): Promise<AnyNodeDef[]> {
  const folder = new URL(`${name.replace("@atomiton/", "")}/src/index.ts`, PACKAGES);
  return Object.values((await import(folder.href)) as Record<string, AnyNodeDef>);
}

/** Codes in the sources of a package. */
function codesOf(name: string): string {
  const folder = new URL(`${name.replace("@atomiton/", "")}/src/`, PACKAGES);
  const text = readdirSync(folder)
    .map((file) => readFileSync(new URL(file, folder), "utf8"))
    .join("\n");
  const thrown = text.matchAll(/(?:code: |: |refused\([^"`]*)"([A-Z][A-Z_]+)"|^ {2}((?:E|SQLITE_)[A-Z]+): [["]/gm);
  return [...new Set(Array.from(thrown, ([, one, other]) => `\`${one ?? other}\``))].toSorted().join(", ");
}

test("[R-NODE-68] docs/nodes-optional.md says what the optional packages' definitions say, and every port and setting is described (update: npx vitest run --project nodes tests/nodes -u)", async () => {
  const pages: string[] = [];
  for (const [start, name] of Object.entries(optionalPackages)) {
    const defs = await nodesOf(name);
    expect(defs.length).toBeGreaterThan(0);
    for (const def of defs) expect(def.type.startsWith(start), def.type).toBe(true);
    expect(silentParts(defs)).toEqual([]);
    expect(wrongExamples(defs)).toEqual([]);
    const page = nodesPage(defs, {}, `## ${name}\n\n\`npm install ${name}\`. Codes: ${codesOf(name)}.\n`);
    pages.push(page.replaceAll(/^## core/gm, "### core"));
  }
  await expect([INTRO, ...pages].join("\n")).toMatchFileSnapshot("../../docs/nodes-optional.md");
});
