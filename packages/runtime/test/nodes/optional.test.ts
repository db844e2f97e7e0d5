import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { optionalPackages } from "../../src/nodes/optional.ts";
import { Runtime } from "../../src/runtime.ts";

let dir: string;
let runtime: Runtime;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "optional-test-"));
  runtime = new Runtime({ dir });
});
afterEach(async () => {
  await runtime.close();
  await rm(dir, { recursive: true, force: true });
});

/** A package as npm would put it there. */
async function install(name: string, source: string): Promise<void> {
  const folder = join(dir, "node_modules", name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), JSON.stringify({ name, type: "module", exports: "./index.js" }));
  await writeFile(join(folder, "index.js"), source);
}

const mirror = (type: string): string => `import { z } from ${JSON.stringify(import.meta.resolve("zod"))};
const port = { schema: z.any(), mode: "value", required: true, multi: false, type: "any" };
export const mirror = { type: "${type}", version: "1.0.0", title: "Mirror", category: "media", effect: "pure",
  runsOn: "inline", inputs: { value: port }, outputs: { value: port }, config: z.strictObject({}),
  async run(ctx) { return { value: [...ctx.in.value].reverse().join("") }; } };
`;

const blueprint = (uses: string) => ({
  apiVersion: "atomiton.dev/v1",
  kind: "Blueprint",
  id: "m",
  name: "M",
  inputs: { text: { type: "string" } },
  outputs: { text: { type: "any", from: "m.value" } },
  nodes: { m: { uses, in: { value: "$inputs.text" } } },
});

test("[R-NODE-66] a node type of an optional package is loaded at first use, in files, texts and Blueprints inside Blueprints", async () => {
  await install("@atomiton/nodes-image", mirror("core/image.mirror"));
  expect(runtime.catalog.all().some(({ type }) => type === "core/image.mirror")).toBe(false);
  const inner = blueprint("core/image.mirror@1");
  await writeFile(join(dir, "inner.blueprint.json"), JSON.stringify(inner));
  const outer = { ...blueprint("./inner.blueprint.json"), outputs: { text: { type: "any", from: "m.text" } } };
  outer.nodes.m.in = { text: "$inputs.text" } as never;
  await writeFile(join(dir, "outer.blueprint.json"), JSON.stringify({ ...outer, id: "outer" }));
  const id = await runtime.execute("outer", { text: "abc" });
  expect(await runtime.waitForCompletion(id)).toEqual({ text: "cba" });
  expect(runtime.catalog.get("core/image.mirror")).toBeDefined();
  const again = new Runtime({ dir });
  expect(await again.library.list()).toMatchObject([{ errors: 0 }, { errors: 0 }]);
  await again.close();
  const inline = new Runtime({ dir });
  const given = await inline.execute({ inline: inner }, { text: "xyz" });
  expect(await inline.waitForCompletion(given)).toEqual({ text: "zyx" });
  await inline.close();
});

test("[R-NODE-67] a package that is not installed is a problem with its line, and needs no restart once it is", async () => {
  await writeFile(join(dir, "m.blueprint.json"), JSON.stringify(blueprint("core/pdf.mirror@1"), undefined, 1));
  const { problems } = await runtime.library.describe("m");
  expect(problems).toMatchObject([
    {
      code: "UNKNOWN_NODE_TYPE",
      line: expect.any(Number),
      message:
        'Cannot use the node type "core/pdf.mirror": it comes with the package @atomiton/nodes-pdf, which is not installed; run: npm install @atomiton/nodes-pdf',
    },
  ]);
  await expect(runtime.execute("m", { text: "abc" })).rejects.toMatchObject({ code: "INVALID_BLUEPRINT" });
  await install("@atomiton/nodes-pdf", mirror("core/pdf.mirror"));
  const id = await runtime.execute("m", { text: "abc" });
  expect(await runtime.waitForCompletion(id)).toEqual({ text: "cba" });
});

test("[R-NODE-67] a package that cannot be loaded is a problem with its reason", async () => {
  await install("@atomiton/nodes-sql", "throw new Error('built for another system')");
  await expect(runtime.execute({ inline: blueprint("core/sql.query@1") }, { text: "" })).rejects.toThrow(
    "its package @atomiton/nodes-sql cannot be loaded: built for another system; run: npm install @atomiton/nodes-sql",
  );
  // What the package has not is unknown as any other.
  await install("@atomiton/nodes-mail", mirror("core/email.mirror"));
  await expect(runtime.execute({ inline: blueprint("core/email.miror@1") }, { text: "" })).rejects.toThrow(
    'this host does not have it; did you mean "core/email.mirror"?',
  );
});

test("[R-NODE-67] every optional package has types of one start only", () => {
  const names = Object.values(optionalPackages);
  expect(new Set(names).size).toBe(names.length);
});
