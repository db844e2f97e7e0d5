import { expect, test } from "vitest";

import type { ExecutionMessage } from "../../src/client.ts";
import { Reader } from "../../src/client/reader.ts";

const ev = { executionId: "x", seq: 1, epoch: 1, ts: 0 };
const log = (message: string): ExecutionMessage => ({
  type: "runtime:log",
  data: { ...ev, path: "a", attempt: 1, level: "info", message },
  snapshot: false,
});
const result: ExecutionMessage = {
  type: "runtime:result",
  data: { executionId: "x", seq: 9, epoch: 1, ts: 0, result: {} },
  snapshot: false,
};

test("[R-IPC-20] a slow reader loses logs first, and a gap stands where they were", async () => {
  const reader = new Reader(10);
  reader.push(result);
  for (let line = 0; line < 10; line++) reader.push(log(String(line)));
  reader.push(result);
  reader.end();
  const read: ExecutionMessage[] = [];
  for (let next = await reader.next(); next; next = await reader.next()) read.push(next);
  expect(read.map(({ type }) => type)).toEqual(["gap", "runtime:result", "runtime:result"]);
  expect(read[0]?.data).toMatchObject({ reason: expect.stringContaining("10 messages dropped") });
});

test("[R-IPC-20] without logs to spare the oldest go, and what waits stays bounded", async () => {
  const reader = new Reader(10);
  for (let count = 0; count < 1_000; count++) reader.push(result);
  reader.end();
  let read = 0;
  while (await reader.next()) read++;
  expect(read).toBeLessThanOrEqual(11);
});

test("[R-IPC-20] after the end nothing is taken in, and what waited is still read", async () => {
  const reader = new Reader();
  reader.push(log("a"));
  reader.end();
  reader.push(log("b"));
  expect(await reader.next()).toMatchObject({ data: { message: "a" } });
  expect(await reader.next()).toBeUndefined();
});
