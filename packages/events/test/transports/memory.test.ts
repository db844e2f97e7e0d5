import { test } from "vitest";

import { transportContract } from "../../src/testing/transport-contract.ts";
import { memoryPair } from "../../src/transports/memory.ts";

transportContract(
  "memory",
  () => {
    const [a, b] = memoryPair();
    return { a, b };
  },
  test,
);
