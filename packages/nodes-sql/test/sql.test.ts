import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openBlobStore, type BlobRef } from "@atomiton/runtime";
import { runNode } from "@atomiton/runtime/testing";
import Database from "libsql";
import { afterEach, beforeEach, expect, test } from "vitest";

import { runInstalled } from "../../../tests/run-installed.ts";
import { sqlInsert, sqlQuery } from "../src/index.ts";

let cwd: string;
const blobs = openBlobStore({ memory: true });
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "sql-test-"));
  make(cwd);
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

function make(dir: string): void {
  const database = new Database(join(dir, "shop.db"));
  database.exec("CREATE TABLE item (sku TEXT PRIMARY KEY, price REAL NOT NULL, stock INTEGER, photo BLOB, tags TEXT)");
  database.close();
}
const query = async (config: Record<string, unknown>) =>
  await runNode(sqlQuery, { cwd, blobs, config: { database: "shop.db", ...config } });
const insert = (rows: unknown[], config = {}) =>
  runNode(sqlInsert, { cwd, blobs, in: { rows }, config: { database: "shop.db", table: "item", ...config } });
const all = async (): Promise<unknown> =>
  (await query({ sql: "SELECT sku, price FROM item ORDER BY sku" })).items["rows"];

test("[SQL-1] core/sql.query runs one statement with bound values, and gives its rows or what it changed", async () => {
  const hostile = "x'); DROP TABLE item; --";
  const added = await query({
    sql: "INSERT INTO item VALUES (?, ?, ?, ?, ?)",
    params: [hostile, 1.5, null, null, { a: [1] }],
  });
  expect(added.outputs).toEqual({ changes: 1 });
  const large = await query({
    sql: "INSERT INTO item VALUES (:sku, :price, 9007199254740993, x'0102ff', :ok)",
    params: { sku: "b", price: 2, ok: true },
  });
  expect(large.outputs).toEqual({ changes: 1 });
  const { items } = await query({ sql: "SELECT * FROM item WHERE price < :max ORDER BY price", params: { max: 10 } });
  expect(items["rows"]).toEqual([
    { sku: hostile, price: 1.5, stock: null, photo: null, tags: '{"a":[1]}' },
    {
      sku: "b",
      price: 2,
      stock: "9007199254740993",
      photo: expect.objectContaining({ size: 3 }) as unknown,
      tags: "1",
    },
  ]);
  const photo = (items["rows"] as { photo: BlobRef }[])[1]!.photo;
  for await (const bytes of blobs.open(photo)) expect([...bytes]).toEqual([1, 2, 255]);
  expect((await query({ sql: "UPDATE item SET stock = 0" })).outputs).toEqual({ changes: 2 });
});

test("[SQL-2] what SQLite refuses fails with its code and what would help, and several statements are refused", async () => {
  const fails = async (config: Record<string, unknown>, error: Record<string, unknown>, text: string) =>
    await expect(query(config)).rejects.toMatchObject({ message: expect.stringContaining(text), error });
  await fails({ sql: "SELECT * FROM none" }, { class: "user", retryable: false }, "no such table: none");
  await fails({ sql: "SELECT 1; DELETE FROM item" }, { code: "CONFIG" }, "more than one statement");
  expect((await query({ sql: "SELECT ';x' AS a /* ; b */;" })).items["rows"]).toEqual([{ a: ";x" }]);
  await fails({ sql: "DELETE FROM item", readonly: true }, { retryable: false }, "readonly");
  await fails({ sql: "SELECT 1", database: "none.db" }, {}, "set create: true");
  await writeFile(join(cwd, "text.db"), "no database".repeat(100));
  await fails({ sql: "SELECT * FROM sqlite_master", database: "text.db" }, {}, "not a database");
  expect((await query({ sql: "CREATE TABLE t (a)", database: "new.db", create: true })).outputs).toMatchObject({
    changes: 0,
  });
});

test("[SQL-3] core/sql.insert inserts all rows or none, and names the row that does not fit", async () => {
  const rows = [
    { sku: "a", price: 1 },
    { sku: "b", price: 2 },
  ];
  expect((await insert(rows)).outputs).toEqual({ changes: 2 });
  const taken = insert([
    { sku: "c", price: 3 },
    { sku: "a", price: 9 },
  ]);
  await expect(taken).rejects.toMatchObject({
    message: expect.stringMatching(/^Cannot insert row 2 into "item": .*UNIQUE/),
    error: { code: expect.stringMatching(/^SQLITE_CONSTRAINT/), class: "user" },
  });
  expect(await all()).toEqual(rows);
  expect(
    (
      await insert(
        [
          { sku: "a", price: 9 },
          { sku: "c", price: 3 },
        ],
        { onConflict: "ignore" },
      )
    ).outputs,
  ).toEqual({ changes: 1 });
  expect((await insert([{ sku: "a", price: 9 }], { onConflict: "replace" })).outputs).toEqual({ changes: 1 });
  expect(await all()).toEqual([
    { sku: "a", price: 9 },
    { sku: "b", price: 2 },
    { sku: "c", price: 3 },
  ]);
  await expect(
    insert([
      { sku: "d", price: 1 },
      { sku: "e", price: 1, none: 1 },
    ]),
  ).rejects.toMatchObject({
    message: expect.stringContaining('row 2: its column "none" is not among sku, price'),
    error: { code: "COLUMN" },
  });
  await expect(insert([{ sku: "d", 'price") VALUES (1); DROP TABLE item; --': 1 }])).rejects.toThrow("has no column");
  expect(await all()).toHaveLength(3);
});

test("[SQL-4] a database that another program writes is waited for, and a failing stream of rows leaves nothing", async () => {
  const other = new Database(join(cwd, "shop.db"));
  other.exec("BEGIN IMMEDIATE; INSERT INTO item (sku, price) VALUES ('other', 1); COMMIT");
  other.close();
  const broken = async function* (): AsyncGenerator<unknown> {
    yield { sku: "first", price: 1 };
    throw new Error("the source broke");
  };
  await expect(
    runNode(sqlInsert, { cwd, in: { rows: broken() }, config: { database: "shop.db", table: "item" } }),
  ).rejects.toThrow("the source broke");
  expect(await all()).toEqual([{ sku: "other", price: 1 }]);
});

test("[SQL-5] a Blueprint fills and asks a database in threads, with the installed package", async () => {
  const nodes = {
    read: { uses: "core/csv.read@1", with: { path: "in.csv", types: { price: "number" } } },
    fill: { uses: "core/sql.insert@1", in: { rows: "read.rows" }, with: { database: "shop.db", table: "item" } },
    sum: {
      uses: "core/sql.query@1",
      after: "fill",
      with: { database: "shop.db", sql: "SELECT sum(price) AS total FROM item" },
    },
    all: { uses: "core/collect@1", in: { items: ["sum.rows"] } },
  };
  await runInstalled(
    "nodes-sql",
    { nodes, outputs: { rows: { type: "any", from: "all.items" } } },
    async (dir) => {
      make(dir);
      await writeFile(join(dir, "in.csv"), "sku,price\na,1.5\nb,2\n");
    },
    async (outputs) => expect(outputs).toEqual({ rows: [{ total: 3.5 }] }),
  );
});
