import { MessageChannel as NodeChannel } from "node:worker_threads";

import { test } from "vitest";

import { transportContract } from "../../src/testing/transport-contract.ts";
import { portTransport } from "../../src/transports/port.ts";

transportContract(
  "port of worker_threads",
  () => {
    const { port1, port2 } = new NodeChannel();
    return { a: portTransport(port1), b: portTransport(port2) };
  },
  test,
);
