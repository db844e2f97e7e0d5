/** Effects that follow the settings: what is sent again after a crash, and what is not. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, expect, test } from "vitest";

import { blueprint } from "../engine/kit.ts";
import { host, kill, until } from "./hosts.ts";

let heard: string[];
let isAnswering: boolean;
const server = createServer((request, response) => {
  heard.push(request.method!);
  if (isAnswering) response.writeHead(200, { "content-type": "application/json" }).end("42");
});
beforeEach(async () => {
  heard = [];
  isAnswering = false;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const graph = (config: object): object => ({
  ask: {
    uses: "core/http.request@1",
    with: { url: `\${ 'http://127.0.0.1:${(server.address() as AddressInfo).port}' }`, ...config },
  },
});
const outer = { outputs: { out: { type: "any", from: "ask.status" } } };

test.each([
  ["the default method", {}, { out: 200 }],
  ["GET", { method: "GET" }, { out: 200 }],
  ["OPTIONS", { method: "OPTIONS" }, { out: 200 }],
  ["DELETE", { method: "DELETE" }, "OUTCOME_UNKNOWN"],
  ["an expression", { method: "${ 'GET' }" }, "OUTCOME_UNKNOWN"],
])("[R-DUR-57] a request with %s that a crash cut off goes on by its effect", async (_, config, outcome) => {
  const first = host();
  const id = await first.start(graph(config), outer);
  await until(() => heard.length === 1);
  await kill(first);
  isAnswering = true;
  const second = host();
  await second.runtime.recover();
  const ended = second.runtime.waitForCompletion(id).catch((error: any) => error.details.error.code as string);
  expect(await ended).toEqual(outcome);
  expect(heard).toHaveLength(outcome === "OUTCOME_UNKNOWN" ? 1 : 2);
});

test("[R-DUR-57] a dry run sends what reads and skips what writes; configure cannot turn one into the other", async () => {
  isAnswering = true;
  const { runtime } = host();
  const { ask: get } = graph({}) as Record<string, object>;
  const { ask: put } = graph({ method: "PUT" }) as Record<string, object>;
  const execute = (mode: "dry" | "debug") => runtime.execute({ inline: blueprint({ get, put }) }, {}, { mode });
  await runtime.waitForCompletion(await execute("dry"));
  expect(heard).toEqual(["GET"]);

  const id = await execute("debug");
  const control = runtime.control(id);
  const toMethod = (value: string) =>
    control.configure({ path: "get", patch: [{ op: "add", path: "/method", value }] });
  await expect(toMethod("DELETE")).rejects.toMatchObject({ code: "INVALID_INPUT" });
  await expect(toMethod("${ 'GET' }")).rejects.toMatchObject({ code: "INVALID_INPUT" });
  await expect(toMethod("HEAD")).resolves.toMatchObject({ applied: "next-attempt" });
  await runtime.cancel(id);
});
