import { expect, test } from "vitest";
import { z } from "zod";

import { defineNode, port } from "../../src/blueprint/define-node.ts";
import { checkBlueprint, createCatalog, parseBlueprint, portsOf } from "../../src/blueprint/index.ts";
import type { Problem } from "../../src/blueprint/model.ts";
import { core } from "../nodes/core.ts";
import { badGraphs } from "./bad-files.ts";
import { brief, catalog, HEAD, problemsOf, testNodes } from "./catalog.ts";
import { feed } from "./feed.ts";

const line = (problem: Problem): string =>
  `${problem.line}:${problem.column} ${problem.severity === "warning" ? "warning " : ""}${problem.code} [${problem.where}] ${problem.message}`;

test.each(badGraphs)(
  "[R-CHK-1, R-CHK-14, R-CHK-15] says everything that is wrong with $name, in the file's order",
  ({ text, problems }) => {
    expect(problemsOf(text).map(line)).toEqual(problems);
  },
);

test("[R-CHK-2] reports only the unknown types of the product feed, nothing that follows from them", () => {
  const problems = checkBlueprint(parseBlueprint(feed, "feed.blueprint.yaml").blueprint!, catalog);
  expect(problems.map(({ code, where }) => `${code} ${where}`)).toEqual([
    "UNKNOWN_NODE_TYPE nodes.read.uses",
    "UNKNOWN_NODE_TYPE nodes.check.uses",
    "CONFIG nodes.each.with.order",
    "CONFIG nodes.each.with.onItemError",
    "UNKNOWN_NODE_TYPE nodes.each.body.nodes.fetch.uses",
    "BLUEPRINT_REF nodes.each.body.nodes.thumb.uses",
    "UNKNOWN_NODE_TYPE nodes.each.body.nodes.placeholder.uses",
    "UNKNOWN_NODE_TYPE nodes.each.body.nodes.pick.uses",
    "UNKNOWN_NODE_TYPE nodes.bad.uses",
    "UNKNOWN_NODE_TYPE nodes.book.uses",
    "UNKNOWN_NODE_TYPE nodes.approve.uses",
    "UNKNOWN_NODE_TYPE nodes.publish.uses",
    "UNKNOWN_NODE_TYPE nodes.alert.uses",
  ]);
});

test("[R-CHK-3] finds nothing in a Blueprint that can run", () => {
  const text = `inputs:
  rows: { type: "list<#row>" }
  rate: { type: integer, default: 2, minimum: 1 }
types:
  row: { type: object, required: [price], properties: { price: { type: number } } }
secrets: [token]
nodes:
  each:
    uses: core/forEach@1
    in: { items: $inputs.rows, rate: $inputs.rate }
    with: { key: "\${ item.sku & '-' & index }" }
    body:
      nodes:
        cost:
          uses: test/compute@1
          in: { rate: $inputs.rate, row: $item }
          with: { expression: "in.row.price * in.rate + index" }
      outputs: { cost: cost.value, key: $key }
  send:
    uses: test/send@1
    in: { body: each.results, failed: each.errors }
    when: "\${ $count(in.body[cost > 3]) > 0 and $not($exists(in.failed)) }"
    with: { url: "https://feed.example/\${ run.id }", headers: { authorization: "\${ 'Bearer ' & secrets.token }" } }
    effect: idempotent
    idempotencyKey: "\${ run.id }"
    retry: { attempts: 3, on: [network] }
  alert: { uses: test/take@1, in: { any: send.error }, after: [each.results] }
outputs:
  all: { type: list<object>, from: each.results }
  status: { type: number, from: send.status }
`;
  expect(problemsOf(text)).toEqual([]);
});

test("[R-CHK-4] uses another Blueprint's inputs and outputs as ports, with its own types", () => {
  const sub =
    "inputs:\n  row: { type: '#row' }\n  note: { type: string, default: x }\noutputs:\n  out: { type: string, from: t.text }\ntypes:\n  row: { type: array }\nnodes:\n  t: { uses: test/text@1, in: { text: $inputs.note } }\n";
  const main = (wires: string): string =>
    `inputs: { o: { type: object }, l: { type: list<any> } }\nnodes:\n  s: { uses: ./sub.blueprint.yaml, in: { ${wires} } }\n  also: { uses: core/blueprint@1, with: { path: ./sub.blueprint.yaml }, in: { row: $inputs.l } }\n  t: { uses: test/take@1, in: { any: s.out, file: also.ot } }\n`;
  const problems = problemsOf(main("row: $inputs.o, extra: $inputs.l"), { "sub.blueprint.yaml": sub });
  expect(brief(problems)).toEqual([
    "3:47 PORT_TYPE Cannot wire $inputs.o to s.row: it gives object, the port takes array; change one of the types, or put core/transform between them",
    "3:58 UNKNOWN_PORT Cannot wire s.extra: the node has no such input; use one of row, note",
    '5:51 UNKNOWN_PORT Cannot read also.ot: "also" has no output "ot"; did you mean "out"?',
  ]);
  expect(brief(problemsOf(main("note: $inputs.l"), { "sub.blueprint.yaml": sub }))[0]).toContain(
    'MISSING_INPUT Cannot run "s": its input "row"',
  );
});

test("[R-CHK-5] lists a sub-blueprint's own problems once, under its own name", () => {
  const files = {
    "broken.blueprint.yaml": "nodes: { a: { uses: test/text } }\n",
    "wrong.blueprint.yaml": "nodes: { a: { uses: test/nothing@1 } }\n",
  };
  const problems = problemsOf(
    "nodes:\n  a: { uses: ./broken.blueprint.yaml }\n  b: { uses: ./broken.blueprint.yaml }\n  c: { uses: ./wrong.blueprint.yaml }\n  d: { uses: ./wrong.blueprint.yaml }\n  e: { uses: ./lost.blueprint.yaml, with: { x: 1 } }\n",
    files,
  );
  expect(problems.map(({ file, code, line: at }) => `${file}:${at} ${code}`).sort()).toEqual([
    "broken.blueprint.yaml:4 SCHEMA",
    "main.blueprint.yaml:5 BLUEPRINT_REF",
    "main.blueprint.yaml:6 BLUEPRINT_REF",
    "main.blueprint.yaml:9 BLUEPRINT_REF",
    "wrong.blueprint.yaml:4 UNKNOWN_NODE_TYPE",
  ]);
});

test("[R-CHK-6] refuses Blueprints that contain themselves, directly or in a ring, and towers of them", () => {
  const uses = (name: string): string => `nodes: { x: { uses: ./${name}.blueprint.yaml } }\n`;
  const own = problemsOf(uses("main"), { "main.blueprint.yaml": uses("main") });
  expect(own.map(({ code }) => code)).toEqual(["RECURSION"]);
  const ring = problemsOf(uses("a"), { "a.blueprint.yaml": uses("b"), "b.blueprint.yaml": uses("a") });
  expect(ring.map(({ file, code, message }) => [file, code, message])).toEqual([
    [
      "b.blueprint.yaml",
      "RECURSION",
      "Cannot use ./a.blueprint.yaml as a node: it would contain itself (a.blueprint.yaml → b.blueprint.yaml → a.blueprint.yaml); use a loop node, or break the ring",
    ],
  ]);
  const tower = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`t${i}.blueprint.yaml`, uses(`t${i + 1}`)]));
  expect(problemsOf(uses("t0"), tower).map(({ code }) => code)).toEqual(["RECURSION"]);
  const twice = problemsOf("nodes:\n  a: { uses: ./leaf.blueprint.yaml }\n  b: { uses: ./leaf.blueprint.yaml }\n", {
    "leaf.blueprint.yaml": "nodes: {}\n",
  });
  expect(twice).toEqual([]);
});

test("[R-CHK-7] gives every node an error output, and the ports that its configuration makes", () => {
  const { blueprint } = parseBlueprint(
    `${HEAD}nodes:\n  s: { uses: test/switch@1, with: { cases: { big: x, small: y } } }\n  c: { uses: test/compute@1, in: { rate: s.big }, with: { expression: in.rate } }\n`,
  );
  const [s, c] = [blueprint!.nodes.get("s")!, blueprint!.nodes.get("c")!];
  const ports = portsOf(s, catalog.get("test/switch")!);
  expect([...ports.outputs.keys()]).toEqual(["otherwise", "big", "small", "note3", "error"]);
  expect(ports.outputs.get("error")).toMatchObject({
    required: false,
    type: { t: "schema", schema: { type: "object" } },
  });
  const open = portsOf(c, catalog.get("test/compute")!);
  expect(open.open).toBe(true);
  expect(open.inputs.get("rate")).toEqual({
    name: "rate",
    type: { t: "any" },
    required: true,
    multi: false,
    mode: "value",
  });
});

test("[R-CHK-7] reads the ports beside an expression that only a run can evaluate", () => {
  const text =
    "nodes:\n  a: { uses: test/text@1 }\n  s: { uses: test/switch@1, in: { value: a.text }, with: { cases: { big: 'in.value' }, note: '${ in.value }' } }\n  t: { uses: test/take@1, in: { any: s.big } }\n";
  expect(problemsOf(text).filter(({ code }) => code !== "UNUSED_NODE")).toEqual([]);
});

test("[R-CHK-8] keeps node types apart by major, and refuses two of one", () => {
  expect(catalog.get("test/send", 1)?.version).toBe("1.0.0");
  expect(catalog.get("test/send", 2)?.version).toBe("2.1.0");
  expect(catalog.get("test/send")?.version).toBe("2.1.0");
  expect(catalog.get("test/send", 3)).toBeUndefined();
  expect(catalog.get("constructor")).toBeUndefined();
  expect(catalog.all()).toHaveLength(testNodes.length);
  const node = (type: `${string}/${string}`, version: string) =>
    defineNode({
      type,
      version,
      title: "",
      category: "",
      effect: "pure",
      runsOn: "inline",
      inputs: {},
      outputs: {},
      config: z.object({}),
      run: async () => ({}),
    });
  const codeOf = (work: () => unknown): unknown => {
    try {
      work();
    } catch (error) {
      return (error as { code?: unknown }).code;
    }
    return undefined;
  };
  expect(codeOf(() => createCatalog([node("a/b", "1.0.0"), node("a/b", "1.4.0")]))).toBe("DUPLICATE_NODE_TYPE");
  expect(codeOf(() => createCatalog([node("a/b", "1.0")]))).toBe("CONFIG");
  expect(codeOf(() => createCatalog([node("A/b c", "1.0.0")]))).toBe("CONFIG");
});

test("[R-CHK-9] survives schemas and ports that throw", () => {
  const rude = defineNode({
    type: "test/rude",
    version: "1.0.0",
    title: "",
    category: "",
    effect: "write",
    runsOn: "inline",
    inputs: {},
    outputs: { x: port.value(z.any()) },
    config: z.strictObject({
      a: z
        .string()
        .refine(() => {
          throw new Error("no");
        })
        .optional(),
    }),
    ports: () => {
      throw new Error("cannot count");
    },
    run: async () => ({}),
  });
  const { blueprint } = parseBlueprint(
    `${HEAD}nodes:\n  r: { uses: test/rude@1, with: { b: 1 } }\n  s: { uses: test/rude@1, after: r, in: { q: r.nothing } }\n`,
  );
  const problems = checkBlueprint(blueprint!, createCatalog([rude]));
  expect(problems.map(({ code, where }) => `${code} ${where}`)).toEqual([
    "CONFIG nodes.r.with",
    "CONFIG nodes.r.with.b",
    "CONFIG nodes.s.with",
  ]);
  expect(problems[0]?.message).toContain("cannot count");
});

test("[R-CHK-17] retry.on takes what errors can have, and says of another word which was meant", () => {
  const on = (...words: string[]): string[] =>
    problemsOf(
      `nodes:\n  a:\n    uses: test/send@1\n    with: { url: abc }\n    retry: { attempts: 2, on: ${JSON.stringify(words)} }\n`,
    ).map(line);
  expect(on("network", "http", "http.429", "http.5xx", "ECONNREFUSED", "OUT_OF_STOCK")).toEqual([]);
  const [netwrok, any] = on("netwrok", "5xx", "timeout");
  expect(netwrok).toContain(" CONFIG [nodes.a.retry.on] Cannot retry");
  expect(netwrok).toContain('"netwrok"');
  expect(netwrok).toMatch(/did you mean "network"\?$/);
  expect(any).toContain('"5xx"');
});

test("[R-CHK-18] a setting of several forms that is missing is said to be missing, with its forms", () => {
  const { blueprint } = parseBlueprint(
    `${HEAD}nodes:\n  c: { uses: core/validate@1, in: { items: r.list }, with: {} }\n  r: { uses: test/rows@1 }\n`,
  );
  const problems = checkBlueprint(blueprint!, createCatalog([...testNodes, core("validate")]));
  expect(problems.map(({ message }) => message)).toContainEqual(
    'Cannot run "c": its configuration lacks "schema" (expected a JSON Schema, a map such as { type: object, required: [sku] }, or true or false); see the configuration of core/validate',
  );
});

test("[R-CHK-19] of a wire that is no reference it is said which was most likely meant", () => {
  const wire = (text: string): string | undefined =>
    problemsOf(`nodes:\n  read: { uses: test/rows@1 }\n  a: { uses: test/text@1, in: { text: ${text} } }\n`)[0]
      ?.message;
  expect(wire("$itme")).toMatch(/did you mean "\$item"\?$/);
  expect(wire("$input")).toMatch(/did you mean "\$inputs\.name"\?$/);
  expect(wire("raed")).toMatch(/did you mean "read\.port"\?$/);
  expect(wire("elsewhere")).toContain("expected a reference");
});
