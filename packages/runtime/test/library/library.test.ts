import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { checkBlueprint, type NodeCatalog } from "../../src/blueprint/index.ts";
import { libraryContract } from "../../src/contract.ts";
import type { RuntimeError } from "../../src/errors.ts";
import { openLibrary } from "../../src/library/index.ts";
import { catalog, HEAD } from "../blueprint/catalog.ts";

let dir: string;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), "atomiton-library-")));
});
afterEach(() => rmSync(dir, { recursive: true }));

const write = (path: string, text: string): string => {
  const target = join(dir, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
  return target;
};
const good = (id: string): string =>
  `${HEAD}id: ${id}\nversion: 1.2.0\ndescription: Does ${id}\nnodes: { a: { uses: test/take@1 } }\n`;
const open = () => openLibrary(dir, { catalog });

const failure = async (work: Promise<unknown>): Promise<RuntimeError> => {
  try {
    await work;
  } catch (error) {
    return error as RuntimeError;
  }
  throw new Error("nothing was thrown");
};

test("[R-LIB-1] lists every Blueprint file below the folder, the broken ones too", async () => {
  write("one.blueprint.yaml", good("one"));
  write("deep/er/two.blueprint.yml", good("two"));
  write(
    "three.blueprint.json",
    JSON.stringify({
      apiVersion: "atomiton.dev/v1",
      kind: "Blueprint",
      name: "Three",
      nodes: { a: { uses: "test/text@1" } },
    }),
  );
  write("broken.blueprint.yaml", "name: [");
  write("wrong.blueprint.yaml", `${HEAD}nodes: { a: { uses: test/nothing@1 } }`);
  for (const other of ["notes.yaml", "node_modules/x/no.blueprint.yaml", ".hidden/no.blueprint.yaml", "blueprint.yaml"])
    write(other, good("no"));
  const entries = await open().list();
  expect(entries.map(({ id, file, errors, warnings, nodes }) => [id, file, errors, warnings, nodes])).toEqual([
    ["broken.blueprint.yaml", "broken.blueprint.yaml", 1, 0, 0],
    ["two", "deep/er/two.blueprint.yml", 0, 0, 1],
    ["one", "one.blueprint.yaml", 0, 0, 1],
    ["three", "three.blueprint.json", 0, 1, 1],
    ["wrong", "wrong.blueprint.yaml", 1, 0, 1],
  ]);
  expect(entries[2]).toMatchObject({ name: "Test", version: "1.2.0", description: "Does one" });
  expect(entries[2]!.changedAt).toBeGreaterThan(Date.now() - 60_000);
});

test("[R-LIB-2] loads by id and by path, and says the file as the folder was named", async () => {
  write("jobs/one.blueprint.yaml", good("one"));
  const library = open();
  for (const name of [
    "one",
    "jobs/one.blueprint.yaml",
    "./jobs/../jobs/one.blueprint.yaml",
    join(dir, "jobs/one.blueprint.yaml"),
  ]) {
    expect((await library.load(name)).file).toBe(join(dir, "jobs/one.blueprint.yaml"));
  }
});

test("[R-LIB-3] never leaves its folder: not by .., not by links, not by other files", async () => {
  write("inside/one.blueprint.yaml", good("one"));
  const secret = write("secret.blueprint.yaml", good("secret"));
  write("plain.yaml", good("plain"));
  symlinkSync(secret, join(dir, "inside/link.blueprint.yaml"));
  symlinkSync(dir, join(dir, "inside/up"));
  symlinkSync(join(dir, "plain.yaml"), join(dir, "inside/plain.blueprint.yaml"));
  mkdirSync(join(dir, "inside/folder.blueprint.yaml"));
  const library = openLibrary(join(dir, "inside"), { catalog });
  expect((await library.list()).map(({ file }) => file)).toEqual(["one.blueprint.yaml"]);
  for (const path of [
    "../secret.blueprint.yaml",
    secret,
    "link.blueprint.yaml",
    "up/secret.blueprint.yaml",
    "folder.blueprint.yaml",
    "plain.blueprint.yaml",
    "missing.blueprint.yaml",
    "../inside",
    "/etc/passwd",
    "one.blueprint.yaml\0.blueprint.yaml",
  ]) {
    const error = await failure(library.load(path));
    expect([path, error.code]).toEqual([path, "UNKNOWN_BLUEPRINT"]);
  }
  for (const path of ["../secret.blueprint.yaml", "./link.blueprint.yaml"]) {
    const sub = library.loadSub(path, join(dir, "inside/one.blueprint.yaml"));
    expect(sub.blueprint).toBeUndefined();
    expect(sub.problems.map(({ code }) => code)).toEqual(["BLUEPRINT_REF"]);
  }
});

test("[R-LIB-4] says what is known of a Blueprint that it does not have", async () => {
  write("feed.blueprint.yaml", good("product-feed"));
  const error = await failure(open().load("prodct-feed"));
  expect(error).toMatchObject({ code: "UNKNOWN_BLUEPRINT", details: { id: "prodct-feed" } });
  expect(error.message).toContain('did you mean "product-feed"?');
  for (const [asked, meant] of [
    ["feeds", "product-feed"],
    ["Tset", "product-feed"],
  ] as const)
    expect((await failure(open().load(asked))).message).toContain(`did you mean "${meant}"?`);
  write("two.blueprint.yaml", good("b"));
  // Each once, by its id: not by path and name as well.
  expect((await failure(open().load("quite-another"))).message).toMatch(/; use one of b, product-feed$/);
  const nowhere = await failure(openLibrary(join(dir, "nowhere")).list());
  expect(nowhere).toMatchObject({ code: "UNKNOWN_BLUEPRINT" });
});

test("[R-LIB-5] refuses to load a Blueprint with errors, with every problem in the details", async () => {
  write(
    "bad.blueprint.yaml",
    `${HEAD}id: bad\nnodes:\n  a: { uses: test/nothing@1 }\n  b: { uses: test/take@1, in: { any: c.x } }\n`,
  );
  const error = await failure(open().load("bad"));
  expect(error).toMatchObject({
    code: "INVALID_BLUEPRINT",
    details: {
      problems: [
        { code: "UNKNOWN_NODE_TYPE", line: 6 },
        { code: "UNKNOWN_NODE", line: 7 },
      ],
    },
  });
  expect(error.message).toContain("bad.blueprint.yaml:6:14");
  expect((await openLibrary(dir).load("bad")).id).toBe("bad");
});

test("[R-LIB-6] reads sub-blueprints for checks, anew when their content changes", async () => {
  write(
    "main.blueprint.yaml",
    `${HEAD}id: main\nnodes: { s: { uses: ./subs/part.blueprint.yaml, in: { a: $inputs.x } } }\ninputs: { x: { type: string } }\n`,
  );
  const part = (input: string): string =>
    `${HEAD}inputs: { ${input}: { type: string } }\nnodes: { t: { uses: test/take@1, in: { any: $inputs.${input} } } }\n`;
  write("subs/part.blueprint.yaml", part("a"));
  const library = open();
  const main = await library.load("main");
  const load = (path: string, from: string) => library.loadSub(path, from);
  const first = load("./subs/part.blueprint.yaml", main.file).blueprint;
  expect(load("./subs/../subs/part.blueprint.yaml", main.file).blueprint).toBe(first);
  expect(first?.file).toBe(join(dir, "subs/part.blueprint.yaml"));
  write("subs/part.blueprint.yaml", part("b"));
  expect(checkBlueprint(main, catalog, { load }).map(({ code }) => code)).toEqual(["MISSING_INPUT", "UNKNOWN_PORT"]);
  expect((await failure(library.load("main"))).code).toBe("INVALID_BLUEPRINT");
  unlinkSync(join(dir, "subs/part.blueprint.yaml"));
  expect((await failure(library.load("main"))).message).toContain("no such file");
});

test("[R-LIB-7] lets files that share an id go by their paths", async () => {
  write("a.blueprint.yaml", good("same"));
  write("b.blueprint.yaml", good("same"));
  const library = open();
  expect((await library.list()).map(({ id }) => id)).toEqual(["a.blueprint.yaml", "b.blueprint.yaml"]);
  const error = await failure(library.load("same"));
  expect(error).toMatchObject({
    code: "INVALID_BLUEPRINT",
    details: { files: ["a.blueprint.yaml", "b.blueprint.yaml"] },
  });
  expect((await library.load("b.blueprint.yaml")).id).toBe("same");
  expect((await library.describe("b.blueprint.yaml")).id).toBe("b.blueprint.yaml");
});

const LOOP = `id: loop
inputs: { rows: { type: list<object>, title: Rows }, width: { type: integer, default: 3 } }
outputs: { all: { type: list<object>, from: each.results } }
nodes:
  each:
    uses: core/forEach@1
    title: Every row
    in: { items: $inputs.rows, w: $inputs.width }
    body:
      nodes:
        c: { uses: test/compute@1, in: { row: $item, w: $inputs.w }, with: { expression: in.row.x } }
      outputs: { n: c.value, k: $key }
  sub: { uses: ./part.blueprint.yaml, in: { t: other.out }, after: [each] }
  other: { uses: acme/other@2, in: { p: each.errors } }
ui: { each: [10, 20] }
`;

test("[R-LIB-8] draws nodes with their ports and positions, bodies as paths, wires both of values and of order", async () => {
  write("loop.blueprint.yaml", HEAD + LOOP);
  write(
    "part.blueprint.yaml",
    `${HEAD}inputs: { t: { type: string } }\noutputs: { u: { type: string, from: x.text } }\nnodes: { x: { uses: test/text@1, in: { text: $inputs.t } } }\n`,
  );
  const { nodes, wires } = await open().graph("loop");
  expect(
    nodes.map(({ path, parent, uses, title, position, line }) => [path, parent, uses, title, position, line]),
  ).toEqual([
    ["each", undefined, "core/forEach@1", "Every row", { x: 10, y: 20 }, 8],
    ["sub", undefined, "./part.blueprint.yaml", "Test", undefined, 16],
    ["other", undefined, "acme/other@2", "other", undefined, 17],
    ["each/c", "each", "test/compute@1", "Test", undefined, 14],
  ]);
  const ports = Object.fromEntries(
    nodes.map(({ path, inputs, outputs }) => [
      path,
      [inputs.map(({ name, type }) => `${name}:${type}`), outputs.map(({ name, type }) => `${name}:${type}`)],
    ]),
  );
  expect(ports).toEqual({
    each: [
      ["items:stream<any>", "w:any"],
      ["results:list<object>", "errors:list<object>", "error:object"],
    ],
    sub: [["t:string"], ["u:string", "error:object"]],
    other: [["p:any"], ["out:any", "error:any"]],
    "each/c": [
      ["row:any", "w:any"],
      ["value:any", "error:object"],
    ],
  });
  expect(
    wires.map(({ from, to, control }) => `${from.node}.${from.port} ${control ? "~>" : "->"} ${to.node}.${to.port}`),
  ).toEqual([
    "$inputs.rows -> each.items",
    "$inputs.width -> each.w",
    "other.out -> sub.t",
    "each. ~> sub.",
    "each.errors -> other.p",
    "each.results -> $outputs.all",
    "$item.item -> each/c.row",
    "$inputs.w -> each/c.w",
    "each/c.value -> each/$outputs.n",
    "$key.key -> each/$outputs.k",
  ]);
});

test("[R-LIB-9] describes a Blueprint for forms and pictures, in the words of the contract", async () => {
  write("loop.blueprint.yaml", HEAD + LOOP);
  write("broken.blueprint.yaml", "a: [");
  const library = open();
  const info = await library.describe("loop");
  expect(info).toMatchObject({
    id: "loop",
    file: "loop.blueprint.yaml",
    source: HEAD + LOOP,
    errors: 2,
    inputs: [
      { name: "rows", type: "list<object>", required: true, title: "Rows", schema: { type: "array" } },
      { name: "width", type: "integer", required: false, default: 3, schema: { type: "integer", default: 3 } },
    ],
    outputs: [{ name: "all", type: "list<object>" }],
    problems: [{ code: "BLUEPRINT_REF" }, { code: "UNKNOWN_NODE_TYPE" }],
  });
  const broken = await library.describe("broken.blueprint.yaml");
  expect(broken).toMatchObject({
    id: "broken.blueprint.yaml",
    graph: { nodes: [], wires: [] },
    problems: [{ code: "SYNTAX" }],
  });
  expect((await failure(library.graph("broken.blueprint.yaml"))).code).toBe("INVALID_BLUEPRINT");
  for (const described of [info, broken]) {
    expect(
      await libraryContract.table["library:blueprint"][0].reply["~standard"].validate(described),
    ).not.toHaveProperty("issues");
    // What travels is what was said: nothing that JSON cannot carry.
    expect(JSON.parse(JSON.stringify(described))).toEqual(described);
  }
});

test("[R-LIB-10] refuses folders that hold more than a library does", async () => {
  for (let i = 0; i <= 1_000; i++) write(`many/n${i}.blueprint.yaml`, "");
  expect(await failure(open().list())).toMatchObject({ code: "LIMIT" });
});

/** Counts the types that checks look up: what is not judged again looks up none. */
function counted() {
  let looks = 0;
  const counting: NodeCatalog = {
    get: (type, major) => {
      looks++;
      return catalog.get(type, major);
    },
    all: () => catalog.all(),
  };
  return {
    library: openLibrary(dir, { catalog: counting }),
    looks: () => {
      const made = looks;
      looks = 0;
      return made;
    },
  };
}

test("[R-LIB-11] judges a file once for each content of it and of what it uses", async () => {
  const part = (type: string): string => `${HEAD}id: part\nnodes: { a: { uses: ${type} } }\n`;
  const main = `${HEAD}id: main\nnodes: { p: { uses: ./part.blueprint.yaml }, t: { uses: test/take@1 } }\n`;
  write("part.blueprint.yaml", part("test/take@1"));
  const file = write("main.blueprint.yaml", main);
  const { library, looks } = counted();
  const first = await library.load("main");
  expect(looks()).toBe(2);
  expect(await library.load("main")).toBe(first);
  const old = new Date(Date.now() - 60_000);
  // Written again, with what it held: another time, the same text.
  write("main.blueprint.yaml", main);
  utimesSync(file, old, old);
  expect(await library.load("main.blueprint.yaml")).toBe(first);
  expect(looks()).toBe(0);
  // As long as before, and at once: neither size nor, on coarse clocks, time tells.
  write("part.blueprint.yaml", part("test/tape@1"));
  expect((await failure(library.load("main"))).message).toContain("test/tape");
  expect(looks()).toBeGreaterThan(0);
  unlinkSync(join(dir, "part.blueprint.yaml"));
  expect((await failure(library.load("main"))).message).toContain("no such file");
  looks();
  expect((await failure(library.load("main"))).code).toBe("INVALID_BLUEPRINT");
  expect(looks()).toBe(0);
  write("part.blueprint.yaml", part("test/take@1"));
  expect((await library.load("main")).id).toBe("main");
});

test("[R-LIB-11] trusts the times of a file at rest, and sees it written anew", async () => {
  write("main.blueprint.yaml", good("one"));
  const library = open();
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_000 });
  try {
    const first = await library.load("one");
    expect(await library.load("one")).toBe(first);
    write("main.blueprint.yaml", good("two"));
    expect((await library.load("two")).id).toBe("two");
    expect((await failure(library.load("one"))).code).toBe("UNKNOWN_BLUEPRINT");
  } finally {
    vi.useRealTimers();
  }
});

test("[R-LIB-12] judges nothing but the Blueprint that is asked for by its id", async () => {
  for (let i = 0; i < 5; i++) write(`n${i}.blueprint.yaml`, good(`n${i}`));
  const { library, looks } = counted();
  await Promise.all(Array.from({ length: 20 }, () => library.load("n3")));
  expect(looks()).toBe(1);
  // Still, an id that another file takes meanwhile names no file any more.
  write("twin.blueprint.yaml", good("n3"));
  expect((await failure(library.load("n3"))).message).toContain("n3.blueprint.yaml, twin.blueprint.yaml");
});

test("[R-LIB-13] says of bytes that are no UTF-8 text that they are none", async () => {
  const text = `${HEAD}nodes: { a: { uses: test/take@1 } }\n`;
  writeFileSync(join(dir, "wide.blueprint.yaml"), Buffer.from(`\ufeff${text}`, "utf16le"));
  writeFileSync(join(dir, "picture.blueprint.yaml"), Buffer.from([0x89, 0x50, 0x4e, 0x47, 0xff, 0xfe, 0x00]));
  writeFileSync(join(dir, "latin.blueprint.yaml"), Buffer.from(text.replace("Test", "Tést"), "latin1"));
  writeFileSync(join(dir, "marked.blueprint.yaml"), `\ufeff${text}`);
  const library = open();
  const said = async (path: string) => (await library.describe(path)).problems.map(({ message }) => message);
  expect(await said("wide.blueprint.yaml")).toEqual([
    "Cannot read the file: it is UTF-16, not UTF-8 text; save it as UTF-8",
  ]);
  const none = "Cannot read the file: it is not UTF-8 text; save it as UTF-8, or name another file";
  expect(await said("picture.blueprint.yaml")).toEqual([none]);
  expect(await said("latin.blueprint.yaml")).toEqual([none]);
  expect(await said("marked.blueprint.yaml")).toEqual([]);
});
