import { expectTypeOf, test } from "vitest";
import { z } from "zod";

import { command, defineContract, EventBus, memoryPair } from "../../src/index.ts";
import { SharedBytes, toReadable, transfer, withStreams } from "../../src/large/index.ts";

const contract = defineContract("types@1", {
  "a:read": command(z.object({ id: z.string() }), withStreams(z.object({ size: z.number() }), { rows: z.string() })),
  "a:bare": command(withStreams(z.object({}), { rows: z.number() }), z.instanceof(SharedBytes)),
});

test("[E-STR-1] streams, moved and shared bytes have plain types", async () => {
  const bus = new EventBus({ contract, connect: false });
  bus.handle("a:bare", ({ rows }) => {
    expectTypeOf(rows).toEqualTypeOf<AsyncIterable<number>>();
    return SharedBytes.allocate(1);
  });
  const read = () => bus.request("a:read", { id: "1" });
  expectTypeOf<Awaited<ReturnType<typeof read>>>().toEqualTypeOf<
    { size: number } & { readonly rows: AsyncIterable<string> }
  >();
  // @ts-expect-error -- a list is no stream
  void bus.request("a:bare", { rows: [1] }).catch(() => undefined);
  expectTypeOf(transfer(new Float32Array(1))).toEqualTypeOf<Float32Array<ArrayBuffer>>();
  expectTypeOf(toReadable<string>).returns.toEqualTypeOf<ReadableStream>();
  expectTypeOf(memoryPair()[0].shares).toEqualTypeOf<boolean | undefined>();
  await bus.close();
});
