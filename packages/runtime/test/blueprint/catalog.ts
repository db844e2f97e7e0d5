import { z } from "zod";

import { type AnyNodeDef, defineNode, port } from "../../src/blueprint/define-node.ts";
import { checkBlueprint, createCatalog, type NodeCatalog, parseBlueprint } from "../../src/blueprint/index.ts";
import type { Problem } from "../../src/blueprint/model.ts";

const common = { version: "1.0.0", title: "Test", category: "test", runsOn: "inline" } as const;
const nothing = async (): Promise<object> => ({});

export const testNodes: AnyNodeDef[] = [
  defineNode({
    ...common,
    type: "test/text",
    effect: "pure",
    inputs: { text: port.value(z.string(), { required: false }) },
    outputs: { text: port.value(z.string()), length: port.value(z.int()) },
    config: z.strictObject({
      prefix: z.string().optional(),
      times: z.number().int().min(1).default(1),
      deep: z.object({ label: z.string() }).optional(),
    }),
    run: nothing,
  }),
  defineNode({
    ...common,
    type: "test/number",
    effect: "pure",
    inputs: { value: port.value(z.number()) },
    outputs: { value: port.value(z.number()) },
    config: z.strictObject({ factor: z.number() }),
    run: nothing,
  }),
  defineNode({
    ...common,
    type: "test/rows",
    effect: "read",
    inputs: {},
    outputs: { rows: port.stream(z.object({})), list: port.value(z.array(z.object({}))), file: port.file() },
    config: z.object({}),
    run: nothing,
  }),
  defineNode({
    ...common,
    type: "test/take",
    effect: "idempotent",
    inputs: {
      list: port.value(z.array(z.object({})), { required: false }),
      rows: port.stream(z.object({}), { required: false }),
      any: port.value(z.any(), { required: false }),
      file: port.file({ required: false }),
    },
    outputs: {},
    config: z.object({}),
    run: nothing,
  }),
  defineNode({
    ...common,
    type: "test/merge",
    effect: "pure",
    inputs: {
      items: port.value(z.any(), { multi: true }),
      names: port.value(z.array(z.string()), { multi: true, required: false }),
    },
    outputs: { value: port.value(z.any()) },
    config: z.strictObject({}),
    run: nothing,
  }),
  defineNode({
    ...common,
    type: "test/switch",
    effect: "pure",
    inputs: { value: port.value(z.any()) },
    outputs: { otherwise: port.value(z.any()) },
    config: z.strictObject({ cases: z.record(z.string(), z.string()), note: z.number().default(3) }),
    rawConfig: ["cases"],
    expressions: ["cases"],
    ports: ({ cases, note }) => ({
      outputs: {
        ...Object.fromEntries(Object.keys(cases).map((name) => [name, port.value(z.any())])),
        [`note${note}`]: port.value(z.any()),
      },
    }),
    run: nothing,
  }),
  defineNode({
    ...common,
    type: "test/compute",
    effect: "pure",
    inputs: {},
    outputs: { value: port.value(z.any()) },
    config: z.strictObject({ expression: z.string(), template: z.string().optional() }),
    rawConfig: ["expression", "template"],
    expressions: ["expression"],
    openInputs: true,
    run: nothing,
  }),
  defineNode({
    ...common,
    type: "test/send",
    effect: "write",
    inputs: { body: port.value(z.any(), { required: false }) },
    outputs: { status: port.value(z.int()) },
    config: z.strictObject({ url: z.string().min(3), headers: z.record(z.string(), z.string()).optional() }),
    openInputs: true,
    run: nothing,
  }),
  defineNode({
    ...common,
    type: "test/send",
    version: "2.1.0",
    effect: "idempotent",
    inputs: {},
    outputs: {},
    config: z.strictObject({}),
    run: nothing,
  }),
  defineNode({
    ...common,
    type: "core/forEach",
    effect: "pure",
    inputs: { items: port.stream(z.any()) },
    outputs: { results: port.value(z.array(z.object({}))), errors: port.value(z.array(z.object({}))) },
    config: z.strictObject({ concurrency: z.number().optional(), key: z.string().optional() }),
    rawConfig: ["key"],
    openInputs: true,
    run: nothing,
  }),
  defineNode({
    ...common,
    type: "core/blueprint",
    effect: "pure",
    inputs: {},
    outputs: {},
    config: z.strictObject({ path: z.string() }),
    openInputs: true,
    run: nothing,
  }),
];

export const catalog: NodeCatalog = createCatalog(testNodes);

export const HEAD = "apiVersion: atomiton.dev/v1\nkind: Blueprint\nname: Test\n";

/** Parses and checks; `files` are what `uses: ./…` finds. */
export function problemsOf(text: string, files: Record<string, string> = {}, file = "main.blueprint.yaml"): Problem[] {
  const { blueprint, problems } = parseBlueprint(HEAD + text, file);
  if (!blueprint) return problems;
  const checked = checkBlueprint(blueprint, catalog, {
    load(path) {
      const name = path.replace(/^\.\//, "");
      const found = files[name];
      if (found === undefined)
        return {
          problems: [
            {
              code: "BLUEPRINT_REF",
              severity: "error",
              file: name,
              line: 1,
              column: 1,
              where: "",
              message: `there is no file ${name}`,
            },
          ],
        };
      return parseBlueprint(HEAD + found, name);
    },
  });
  return [...problems, ...checked];
}

/** `6:12 CODE message`, the line counted in the text after the head. */
export const brief = (problems: readonly Problem[]): string[] =>
  problems.map(
    ({ line, column, code, severity, message }) =>
      `${line - 3}:${column} ${severity === "warning" ? "warning " : ""}${code} ${message}`,
  );
