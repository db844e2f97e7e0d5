import * as v from "valibot";
import { expect, test } from "vitest";
import { z } from "zod";

import { asyncapi } from "../../src/asyncapi/index.ts";
import { command, defineContract, event } from "../../src/index.ts";

interface Tree {
  readonly value: string;
  readonly of?: Tree[] | undefined;
}
const Tree: z.ZodType<Tree> = z
  .object({ value: z.string(), of: z.array(z.lazy(() => Tree)).optional() })
  .meta({ id: "Tree" });

const contract = defineContract("shop@2", {
  "shop:order": command(z.object({ item: z.string() }), z.object({ tree: Tree }), {
    from: ["page"],
    to: ["host"],
    needs: "order",
    idempotent: true,
  }),
  "shop:sold": event(z.object({ at: z.iso.datetime() }), {
    from: ["host"],
    to: ["page"],
    delivery: "latest",
    key: "at",
  }),
  "shop.sold": event(v.object({ n: v.number() })),
  both: [
    command(z.object({}), z.object({}), { from: ["page"], to: ["host"] }),
    event(z.object({ n: z.number() }), { from: ["host"], to: ["page"] }),
  ],
});
const options = { title: "Shop", version: "1.2.3", servers: { local: { host: "127.0.0.1:4040", protocol: "ws" } } };

/** Every reference of a document, and whether it leads anywhere. */
function dangling(document: unknown): string[] {
  const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path!);
  expect(refs.length).toBeGreaterThan(10);
  const find = (path: string): unknown =>
    path.split("/").reduce<any>((at, step) => at?.[step.replaceAll("~1", "/")], document);
  return refs.filter((path) => find(path) === undefined);
}

test("[E-API-1] a contract is an AsyncAPI 3 document: channels, messages, operations, replies, roles, rights and delivery", () => {
  const document: any = asyncapi(contract, options);
  expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  expect(document).toMatchObject({
    asyncapi: "3.0.0",
    info: { title: "Shop", version: "1.2.3", "x-atomiton": { contract: "shop@2", hash: contract.hash } },
    servers: options.servers,
    channels: {
      "shop.order": { address: "shop:order" },
      "shop.order.reply": { address: null },
      "shop.sold": { address: "shop:sold" },
      "shop.sold-2": { address: "shop.sold" },
    },
    operations: {
      "send.shop.order.request": { action: "send", reply: { channel: { $ref: "#/channels/shop.order.reply" } } },
      "send.shop.sold": { action: "send", channel: { $ref: "#/channels/shop.sold" } },
    },
  });
  expect(document.components.messages["shop.order.request"]["x-atomiton"]).toEqual({
    kind: "command",
    from: ["page"],
    to: ["host"],
    needs: "order",
    idempotent: true,
  });
  expect(document.components.messages["shop.sold"]["x-atomiton"]).toMatchObject({ delivery: "latest", key: "at" });
  expect(Object.keys(document.channels.both.messages)).toEqual(["both.request", "both"]);
});

test("[E-API-2] its schemas are the contract's, one place each: every reference leads somewhere, also of a schema that holds itself", () => {
  const document: any = asyncapi(contract, options);
  expect(dangling(document)).toEqual([]);
  const { schemas } = document.components;
  expect(schemas["shop.order.request"]).toMatchObject({ type: "object", required: ["item"] });
  expect(JSON.stringify(schemas["shop.order.reply"])).toContain("#/components/schemas/shop.order.reply.Tree");
  expect(JSON.stringify(schemas["shop.order.reply.Tree"].properties.of.items)).toContain(
    '{"$ref":"#/components/schemas/shop.order.reply.Tree"}',
  );
  expect(schemas["shop.sold-2"]).toEqual({ description: "Checked by the program; it has no JSON Schema." });
  expect(JSON.stringify(document)).not.toMatch(/\$schema|\$defs|"definitions"/);
});

test("[E-API-3] for a role it says what a program of that role sends and receives; a role that nobody names is a TypeError", () => {
  const actions = (role: string): string[] => Object.keys(asyncapi(contract, { ...options, role }).operations);
  expect(actions("page")).toEqual([
    "send.shop.order.request",
    "receive.shop.sold",
    "send.shop.sold-2",
    "receive.shop.sold-2",
    "send.both.request",
    "receive.both",
  ]);
  expect(actions("host")).toContain("receive.shop.order.request");
  expect(() => actions("nobody")).toThrow(TypeError);
});
