import { expect, test } from "vitest";

import { transportContract } from "../../src/testing/transport-contract.ts";
import { memoryPair } from "../../src/transports/memory.ts";
import { hear } from "./hear.ts";

transportContract(
  "memory",
  () => {
    const [a, b] = memoryPair();
    return { a, b };
  },
  test,
);

test("[E-TR-1] an end that is opened while frames are on their way hears them after it is open, in order", () => {
  const pair = memoryPair({ manual: true });
  const near = hear(pair[0]);
  pair.flush();
  near.connection.send([1]);
  pair.flush();
  near.connection.send([2]);
  const news: unknown[] = [];
  pair[1].open({
    onOpen: () => news.push("open"),
    onFrame: (frame) => news.push(frame),
    onDrain() {},
    onClose() {},
  });
  pair.flush();
  expect(news).toEqual(["open", [1], [2]]);
});
