import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";

import type { BlobRef } from "../../src/blueprint/define-node.ts";
import { run } from "./core.ts";

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "csv-test-"));
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

async function read(content: string | Uint8Array, config: Record<string, unknown> = {}): Promise<unknown[]> {
  await writeFile(join(cwd, "in.csv"), content);
  return (await run("csv.read", { cwd, config: { path: "in.csv", ...config } })).items["rows"]!;
}
async function write(rows: unknown[], config: Record<string, unknown> = {}): Promise<string> {
  const result = await run("csv.write", { cwd, in: { rows }, config });
  return await result.text(result.outputs["file"] as BlobRef);
}

test("[R-NODE-30] core/csv.read understands quotes, line ends in fields, a byte order mark and both line ends", async () => {
  expect(await read('\ufeffname,note\r\n"Smith, J","said ""hi""\nand left"\r\n\r\nz,\r\n')).toEqual([
    { name: "Smith, J", note: 'said "hi"\nand left' },
    { name: "z", note: "" },
  ]);
  expect(await read("a;b\n1;'x;y'\n", { delimiter: ";", quote: "'" })).toEqual([{ a: "1", b: "x;y" }]);
  expect(await read(" a , b \n 1 , x \n", { trim: true })).toEqual([{ a: "1", b: "x" }]);
  expect(await read("")).toEqual([]);
  expect(await read("only,header\n")).toEqual([]);
});

test("[R-NODE-31] core/csv.read names columns by the header, by number or by a list", async () => {
  expect(await read("1,2\n3,4", { header: false })).toEqual([
    { c1: "1", c2: "2" },
    { c1: "3", c2: "4" },
  ]);
  expect(await read("1,2\n", { header: ["x", "y"] })).toEqual([{ x: "1", y: "2" }]);
  const [row] = (await read("__proto__,constructor\nevil,x\n")) as Record<string, unknown>[];
  expect(Object.entries(row!)).toEqual([
    ["__proto__", "evil"],
    ["constructor", "x"],
  ]);
  expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
});

test("[R-NODE-32] core/csv.read converts fields as its types say, and guesses nothing else", async () => {
  const text = 'zip,price,count,ok,extra,empty\n01234,1.50,7,true,"{""a"":1}",\n';
  expect(await read(text)).toEqual([
    { zip: "01234", price: "1.50", count: "7", ok: "true", extra: '{"a":1}', empty: "" },
  ]);
  expect(await read(text, { types: "auto" })).toEqual([
    { zip: "01234", price: 1.5, count: 7, ok: true, extra: '{"a":1}', empty: null },
  ]);
  const types = { zip: "integer", price: "number", count: "integer", ok: "boolean", extra: "json", empty: "number" };
  expect(await read(text, { types })).toEqual([
    { zip: 1234, price: 1.5, count: 7, ok: true, extra: { a: 1 }, empty: null },
  ]);
  // Longer than a double holds exactly: stays text.
  expect(await read("id\n12345678901234567890\n1e5\n-0.5\n1.\n0x10\n", { types: "auto" })).toEqual(
    ["12345678901234567890", 1e5, -0.5, "1.", "0x10"].map((id) => ({ id })),
  );
});

test.each([
  [
    "too many fields",
    "a,b\n1,2\n1,2,3\n",
    {},
    "CSV_ROW",
    'Cannot read "in.csv", line 3: the row has 3 fields, the header has 2',
  ],
  [
    "too few fields",
    'a,b\n"x\ny",2\n1\n',
    {},
    "CSV_ROW",
    'Cannot read "in.csv", line 4: the row has 1 fields, the header has 2',
  ],
  [
    "no number",
    "a,b\n1,2\n3,four\n",
    { types: { b: "number" } },
    "CSV_VALUE",
    'line 3, column "b": "four" is not a number',
  ],
  ["no integer", "a\n1.5\n", { types: { a: "integer" } }, "CSV_VALUE", 'line 2, column "a": "1.5" is not an integer'],
  ["no boolean", "a\nmaybe\n", { types: { a: "boolean" } }, "CSV_VALUE", '"maybe" is not a boolean'],
  [
    "a typed column that is not there",
    "a\n1\n",
    { types: { b: "number" } },
    "CSV_COLUMN",
    'names the column "b", it has a',
  ],
  ["a name twice", "a,b,a\n1,2,3\n", {}, "CSV_HEADER", 'line 1, column 3: "a" names column 1 too'],
  ["a column without name", "a,,c\n1,2,3\n", {}, "CSV_HEADER", "line 1, column 2: it has no name"],
  ["a quote never closed", 'a,b\n1,"2\n3,4\n', {}, "CSV_QUOTE_NOT_CLOSED", "a quote is opened and never closed"],
  ["text after a quote", 'a,b\n1,"2"x\n', {}, "CSV_INVALID_CLOSING_QUOTE", "line 2, field 2"],
  ["a quote inside", 'a,b\n1,2"x\n', {}, "CSV_INVALID_OPENING_QUOTE", "line 2, field 2"],
  [
    "an endless row",
    `a\n"${"x".repeat(1_100_000)}`,
    {},
    "CSV_MAX_RECORD_SIZE",
    "a row is longer than 1048576 characters",
  ],
  ["other bytes than UTF-8", Buffer.from([97, 10, 0xfc, 10]), {}, "ENCODING", "it is not utf-8; set `encoding`"],
  ["an unknown encoding", "a\n1\n", { encoding: "klingon" }, "CONFIG", 'no encoding is called "klingon"'],
])("[R-NODE-33] core/csv.read fails on %s, with line and column", async (_, content, config, code, says) => {
  await expect(read(content, config)).rejects.toMatchObject({
    message: expect.stringContaining(says),
    error: { code, retryable: false },
  });
});

test("[R-NODE-34] core/csv.read pads short rows when told, and reads other encodings", async () => {
  expect(await read("a,b\n1\n", { ragged: "pad" })).toEqual([{ a: "1", b: "" }]);
  await expect(read("a\n1,2\n", { ragged: "pad" })).rejects.toMatchObject({ error: { code: "CSV_ROW" } });
  expect(await read(Buffer.from([97, 10, 0xfc, 10]), { encoding: "windows-1252" })).toEqual([{ a: "ü" }]);
  expect(await read(Buffer.from("\ufeffa\nü\n", "utf16le"), { encoding: "utf-16le" })).toEqual([{ a: "ü" }]);
});

test("[R-NODE-35] core/csv.read takes a file reference or a path, not both, and reports bytes and rows", async () => {
  const made = await run("csv.write", { in: { rows: [{ a: 1 }, { a: 2 }] } });
  const { file } = made.outputs;
  const result = await run("csv.read", { blobs: made.blobs, in: { file } });
  expect(result.items["rows"]).toEqual([{ a: "1" }, { a: "2" }]);
  expect(result.progress.at(-1)).toEqual({ done: 6, total: 6, message: "2 rows" });
  await expect(run("csv.read", { blobs: made.blobs, in: { file }, config: { path: "x" } })).rejects.toMatchObject({
    error: { code: "CONFIG" },
  });
  await expect(run("csv.read")).rejects.toMatchObject({ error: { code: "CONFIG" } });
  await expect(run("csv.read", { cwd, config: { path: "none.csv" } })).rejects.toMatchObject({
    error: { code: "ENOENT", class: "user" },
  });
  await expect(run("csv.read", { cwd, config: { path: "." } })).rejects.toMatchObject({ error: { code: "EISDIR" } });
});

test("[R-NODE-37] core/csv.write quotes what needs it, and what it writes reads back the same", async () => {
  const rows = [
    { name: 'a "b", c', note: "line\nbreak", n: 1.5 },
    { name: "", note: "\r", n: -1 },
    { name: "ü", note: " blanks ", n: 0 },
  ];
  const text = await write(rows);
  expect(text).toBe('name,note,n\n"a ""b"", c","line\nbreak",1.5\n,"\r",-1\nü, blanks ,0\n');
  expect(await read(text, { types: { n: "number" } })).toEqual(rows);
  expect(await write([{ a: null, b: true, c: { d: 1 }, e: undefined }])).toBe('a,b,c,e\n,true,"{""d"":1}",\n');
  expect(await write([{ a: 1, b: 2 }], { columns: ["b", "a", "c"], delimiter: ";", lineEnd: "crlf", bom: true })).toBe(
    "\ufeffb;a;c\r\n2;1;\r\n",
  );
  expect(await write([{ a: 1 }], { header: false })).toBe("1\n");
  expect(await write([])).toBe("");
  expect(await write([], { columns: ["a"] })).toBe("a\n");
  expect(await write([{ a: "=1+1" }], { escapeFormulas: true, header: false })).toBe("'=1+1\n");
  expect((await write(Array.from({ length: 1_234 }, (_, id) => ({ id })))).split("\n")).toHaveLength(1_236);
});

test("[R-NODE-37] any table of text survives core/csv.write and core/csv.read", async () => {
  const field = fc.string({
    unit: fc.constantFrom("a", "b", '"', "'", ",", ";", "\r", "\n", "\t", " ", "=", "ü", "\ufeff"),
  });
  const table = fc
    .integer({ min: 1, max: 4 })
    .chain((width) => fc.array(fc.array(field, { minLength: width, maxLength: width })));
  await fc.assert(
    fc.asyncProperty(
      table,
      fc.constantFrom("lf", "crlf"),
      fc.constantFrom(",", ";", "\t"),
      async (rows, lineEnd, delimiter) => {
        const named = rows.map((row) => Object.fromEntries(row.map((text, index) => [`c${index}`, text])));
        const made = await run("csv.write", { in: { rows: named }, config: { lineEnd, delimiter } });
        const back = await run("csv.read", {
          blobs: made.blobs,
          in: { file: made.outputs["file"] },
          config: { delimiter },
        });
        expect(back.items["rows"]).toEqual(named);
      },
    ),
    { numRuns: 150, seed: 7 },
  );
});

test("[R-NODE-38] core/csv.write refuses a value without a column unless told to drop it", async () => {
  await expect(write([{ a: 1 }, { a: 1, b: 2 }])).rejects.toMatchObject({
    message: expect.stringContaining('Cannot write row 2 as CSV: it has a column "b", the file has a'),
    error: { code: "CSV_COLUMN" },
  });
  expect(await write([{ a: 1 }, { a: 1, b: 2 }], { extra: "drop" })).toBe("a\n1\n1\n");
});

test("[R-NODE-39] core/csv.write writes its path whole or not at all", async () => {
  const { outputs } = await run("csv.write", { cwd, in: { rows: [{ a: 1 }] }, config: { path: "out/table.csv" } });
  expect(outputs["path"]).toBe(join(cwd, "out/table.csv"));
  expect(outputs).toMatchObject({ rows: 1, file: { name: "table.csv", type: "text/csv", size: 4 } });
  expect(await readFile(join(cwd, "out/table.csv"), "utf8")).toBe("a\n1\n");
  const failing = run("csv.write", { cwd, in: { rows: [{ a: 2 }, { b: 2 }] }, config: { path: "out/table.csv" } });
  await expect(failing).rejects.toMatchObject({ error: { code: "CSV_COLUMN" } });
  expect(await readFile(join(cwd, "out/table.csv"), "utf8")).toBe("a\n1\n");
  expect(await readdir(join(cwd, "out"))).toEqual(["table.csv"]);
});
