import { readFileSync } from "node:fs";

import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";

import { generateCodec } from "../../src/codec/build.ts";
import { compiledCodec, prebuiltCodec } from "../../src/codec/compiled-codec.ts";
import { command, defineContract, event } from "../../src/core/define-contract.ts";
import { EventsError } from "../../src/core/errors.ts";
import type { EventsCodec } from "../../src/wire/codec.ts";
import { messagePackCodec } from "../../src/wire/codec.ts";
import { copyOut } from "../../src/wire/payload.ts";
import { raise } from "../../src/wire/raise.ts";

const page = readFileSync(new URL("../../../../docs/protocol.md", import.meta.url), "utf8");

type Node = { id: string; children: Node[] };
const node: z.ZodType<Node> = z.object({ id: z.string(), children: z.array(z.lazy(() => node)) });

const contract = defineContract("codec@1", {
  progress: event(
    z.object({
      executionId: z.string(),
      percent: z.number(),
      message: z.string().optional(),
      done: z.boolean().nullable(),
      at: z.object({ node: z.string(), path: z.array(z.number()) }).optional(),
    }),
  ),
  table: event(z.object({ rows: z.array(z.record(z.string(), z.unknown())) })),
  tree: event(node),
  either: event(z.union([z.object({ a: z.number() }), z.object({ b: z.string() }), z.null()])),
  any: event(z.unknown()),
  classy: event(z.object({ bytes: z.instanceof(Uint8Array) })),
  ask: command(z.object({}), z.object({})),
});
const names = ["progress", "table", "tree", "either", "any", "classy", "ask"];

/** As an application makes it: written to a file and imported. */
async function prebuilt(): Promise<EventsCodec> {
  const source = generateCodec(contract).replace(/^import .*$/m, "const { prebuiltCodec } = globalThis.made;");
  (globalThis as { made?: unknown }).made = { prebuiltCodec };
  const module = (await import(`data:text/javascript,${encodeURIComponent(source)}`)) as { default: EventsCodec };
  return module.default;
}

const forms: readonly (readonly [string, () => EventsCodec | Promise<EventsCodec>])[] = [
  ["made at run time", () => compiledCodec(contract, { generate: true })],
  ["as loops", () => compiledCodec(contract, { generate: false })],
  ["made at build time", prebuilt],
];

/** Frames through one lane: what went in, and what came out. */
function lane(writes: EventsCodec, reads: EventsCodec = writes) {
  const encoder = writes.encoder(names);
  const decoder = reads.decoder(names);
  return (body: readonly unknown[], isKept = true): { bytes: Uint8Array; body: unknown[] } => {
    const bytes = encoder.encode(body, isKept)!;
    return { bytes, body: decoder.decode(bytes, 200) };
  };
}

const text = fc.oneof(fc.string(), fc.string({ unit: "grapheme" }), fc.constantFrom("same", "again", ""));
const value = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withNullPrototype: false,
  maxDepth: 4,
});
const progress = fc.record(
  {
    executionId: text,
    percent: fc.oneof(fc.double(), fc.integer(), fc.maxSafeInteger()),
    message: text,
    done: fc.option(fc.boolean()),
    at: fc.record({ node: text, path: fc.array(fc.integer()) }),
  },
  { requiredKeys: ["executionId", "percent", "done"] },
);
const extra = fc.record({ i: fc.string(), t: fc.nat(), o: fc.tuple(fc.string(), fc.string()) }, { requiredKeys: [] });
const events = fc.array(
  fc.oneof(
    fc.tuple(fc.constant(0), fc.oneof({ weight: 9, arbitrary: progress }, { weight: 1, arbitrary: value })),
    fc.tuple(fc.constantFrom(1, 2, 3, 4, 5), value),
    fc.tuple(fc.constant(~0), progress, extra),
    fc.tuple(fc.constantFrom("a:name", "__proto__"), value, fc.constant(null)),
  ),
  { minLength: 1, maxLength: 20 },
);

/** What a session hands over: copied, and lowered to plain data. */
function lower(each: readonly (readonly unknown[])[]): unknown[] {
  return each.flatMap(([head, ...rest]) => [head, ...rest.map((slot) => copyOut(slot, "bytes", 1e7, 64).value)]);
}

function faultOf(run: () => unknown): unknown {
  try {
    run();
    return undefined;
  } catch (fault) {
    return fault;
  }
}

for (const [form, make] of forms) {
  test(`[E-COD-1] all that MessagePack carries comes back, ${form}`, async () => {
    const codec = await make();
    const packer = messagePackCodec();
    fc.assert(
      fc.property(fc.array(events, { minLength: 1, maxLength: 4 }), fc.boolean(), (frames, isKept) => {
        const cross = lane(codec);
        for (const frame of frames) {
          const body = lower(frame);
          const twin = packer.decode(packer.encode(body), 1_000);
          expect(cross(body, isKept).body).toStrictEqual(raise(twin));
        }
      }),
      { numRuns: 300 },
    );
  });

  test(`[E-COD-2] bytes of a stranger give a list or PROTOCOL or LIMIT, and pollute nothing, ${form}`, async () => {
    const codec = await make();
    const attack = (bytes: Uint8Array): void => {
      const fault = faultOf(() => codec.decoder(names).decode(bytes, 200));
      expect(fault instanceof EventsError ? fault.code : fault).toBeOneOf(["PROTOCOL", "LIMIT", undefined]);
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), attack), { numRuns: 3_000 });
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(events, flips, (frame, changes) => {
        const bytes = codec.encoder(names).encode(lower(frame), true)!;
        for (const [at, byte] of changes) bytes[at % bytes.byteLength] = byte;
        attack(bytes);
      }),
      { numRuns: 2_000 },
    );
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
}

test("[E-COD-9] the frames of docs/protocol.md are made and read as the page says", () => {
  const job = z.object({ percent: z.number(), note: z.string().optional(), job: z.string() });
  const jobs = defineContract("vector@1", { "job:progress": event(job), "job:rows": event(z.unknown()) });
  const cross = compiledCodec(jobs);
  const encoder = cross.encoder(["job:progress", "job:rows"]);
  const decoder = cross.decoder(["job:progress", "job:rows"]);
  const blocks = [...page.matchAll(/```columns\nbody +(.*?)\nbytes +(.*?)```/gs)];
  expect(blocks.length).toBeGreaterThan(1);
  for (const [, body, hex] of blocks) {
    const bytes = Uint8Array.from(hex!.trim().split(/\s+/), (byte) => Number.parseInt(byte, 16));
    expect(decoder.decode(bytes, 64)).toEqual(JSON.parse(body!));
    expect(encoder.encode(JSON.parse(body!) as unknown[], true)).toEqual(bytes);
  }
});
