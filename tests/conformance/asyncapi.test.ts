import { Parser } from "@asyncapi/parser";
import { asyncapi, type AsyncApiOptions } from "@atomiton/events/asyncapi";
import { runtimeContract } from "@atomiton/runtime/contract";
import { expect, test } from "vitest";

const options: AsyncApiOptions = {
  title: "Runtime",
  version: "1.0.0",
  servers: { local: { host: "127.0.0.1:4040", pathname: "/bus", protocol: "ws" } },
};

test.each([undefined, "ui", "host"])(
  "[E-API-4] the official parser finds nothing wrong with the document of the runtime's contract, for role %s",
  async (role) => {
    const document = asyncapi(runtimeContract, { ...options, ...(role && { role }) });
    const { document: parsed, diagnostics } = await new Parser().parse(JSON.stringify(document));
    // Advice (a licence, a contact, tags) is told at a lower severity.
    expect(diagnostics.filter(({ severity }) => severity <= 1)).toEqual([]);
    const addresses = parsed!
      .channels()
      .all()
      .map((channel) => channel.address());
    expect(new Set(addresses)).toEqual(new Set([...Object.keys(runtimeContract.table), null]));
  },
);
