import { deflateRawSync } from "node:zlib";

import fc from "fast-check";
import { expect, test } from "vitest";

import { deflate as deflateInNode } from "../../src/codec/deflate-node.ts";
import { deflate as deflateInPages } from "../../src/codec/deflate.ts";
import type { EventsError } from "../../src/core/errors.ts";
import { seededRandom } from "../../src/testing/seeded-random.ts";
import { FLAG_COMPILED, FLAG_COMPRESSED, FRAME_TYPE } from "../../src/wire/frame.ts";
import { openRoad } from "../session/sides.ts";
import { stranger } from "../session/stranger.ts";

const programs = [
  ["Node's zlib", deflateInNode()],
  ["fflate", deflateInPages()],
] as const;

function codeOf(run: () => unknown): unknown {
  try {
    return run();
  } catch (fault) {
    return (fault as EventsError).code;
  }
}

for (const [name, ours] of programs) {
  for (const [other, theirs] of programs) {
    test(`[E-COD-7] what ${name} makes smaller, ${other} gives back`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 5_000 }), fc.nat(3_000), (bytes, zeros) => {
          const whole = new Uint8Array([...bytes, ...new Uint8Array(zeros)]);
          const back = theirs.expand(ours.compress(whole), Math.max(1, whole.byteLength));
          expect(new Uint8Array(back)).toEqual(whole);
        }),
        { numRuns: 100 },
      );
    });
  }

  test(`[E-COD-8] ${name} stops at the limit, and refuses what nobody deflated`, () => {
    const bomb = deflateRawSync(new Uint8Array(64 * 1024 * 1024));
    expect(bomb.byteLength).toBeLessThan(70_000);
    expect(codeOf(() => ours.expand(bomb, 262_144))).toBe("LIMIT");
    expect(codeOf(() => ours.expand(bomb.subarray(0, 20), 262_144))).toBe("PROTOCOL");
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
        const answer = codeOf(() => ours.expand(bytes, 262_144));
        expect(typeof answer === "string" ? answer : "bytes").toBeOneOf(["bytes", "LIMIT", "PROTOCOL"]);
      }),
    );
  });
}

const line = "the same words again and again, ";

/** Bytes that each payload took on its way, and what arrived. */
function cross(payloads: readonly unknown[], accepts: boolean): { sizes: number[]; data: unknown[] } {
  const compressor = deflateInNode();
  const world = openRoad({ session: { compressor }, ...(!accepts && { acceptSession: {} }) });
  const sizes = payloads.map((data) => {
    world.a.emit(data);
    world.clock.endTick();
    const { unackedBytes } = world.a.session.gauges();
    world.pass(1_000);
    return unackedBytes;
  });
  expect(world.b.violations).toEqual([]);
  expect(world.a.session.gauges().compression).toBe(accepts ? "deflate-raw" : undefined);
  return { sizes, data: world.b.data };
}

test("[E-COD-7] long bodies cross compressed where both sides can; short and very long ones, and what shrinks too little or too much, as they are", () => {
  const random = seededRandom(1);
  const image = Uint8Array.from({ length: 4_000 }, () => random() * 256);
  const lines = Array.from({ length: 20_000 }, (_, n) => `${line}${n}`).join("");
  const payloads = [line.repeat(200), lines, "short", image, "x".repeat(500_000), lines + lines];
  const small = cross(payloads, true);
  const plain = cross(payloads, false);
  expect([small.data, plain.data]).toEqual([payloads, payloads]);
  expect(small.sizes[0]! * 10).toBeLessThan(plain.sizes[0]!);
  expect(small.sizes[1]! * 5).toBeLessThan(plain.sizes[1]!);
  expect(small.sizes.slice(2)).toEqual(plain.sizes.slice(2));
});

test("[E-COD-8] a bomb is refused in a frame and in chunks, leaves a gap, and the link lives", () => {
  const bomb = deflateRawSync(new Uint8Array(256 * 1024 * 1024), { level: 9 });
  let made = new Uint8Array(0);
  const world = openRoad({ session: { compressor: { ...deflateInNode(), maxBytes: Infinity, compress: () => made } } });
  // The first expands to 40 MB, the second in chunks to 256 MiB.
  for (const bytes of [bomb.subarray(0, 40_000), bomb]) {
    made = new Uint8Array(bytes);
    world.a.emit(line.repeat(100_000));
    world.pass(1_000);
  }
  world.a.emit("after");
  world.settle();
  expect(world.b.data.map((data) => String(data).slice(0, 20))).toEqual(["after"]);
  expect(world.b.gaps).toHaveLength(2);
  expect(world.b.violations.map(({ kind }) => kind)).toEqual(["too-large", "too-large"]);
  expect(world.b.at).toBe("open");
});

test("[E-COD-8] compressed and compiled frames that nobody agreed on are refused", () => {
  const { side, say } = stranger();
  const bytes = new Uint8Array(deflateRawSync(new Uint8Array([0x92, 0, 1])));
  say(FRAME_TYPE.events, bytes, { flags: FLAG_COMPRESSED });
  say(FRAME_TYPE.events, new Uint8Array([0, 0, 0, 0]), { flags: FLAG_COMPILED });
  say(FRAME_TYPE.events, [0, "fine"]);
  expect(side.violations.map(({ kind }) => kind)).toEqual(["protocol", "protocol"]);
  expect(side.data).toEqual(["fine"]);
});
