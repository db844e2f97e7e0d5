import { MessageChannel } from "node:worker_threads";

import { expect, test } from "vitest";

import { portTransport } from "../../src/transports/port.ts";
import { messagePackCodec } from "../../src/wire/codec.ts";
import { copyOut } from "../../src/wire/payload.ts";
import { measure, raise } from "../../src/wire/raise.ts";

const LIMIT = 16 * 1024 * 1024;
const DEPTH = 64;

/** What arrives over a byte medium, over memory, and over a real port. */
const roads: readonly (readonly [name: string, cross: (value: unknown) => Promise<unknown>])[] = [
  [
    "bytes",
    (value) => {
      const codec = messagePackCodec();
      const { value: copy, lowered } = copyOut(value, "bytes", LIMIT, DEPTH);
      const back = codec.decode(codec.encode([copy]), 200) as unknown[];
      return Promise.resolve(lowered ? raise(back[0]) : back[0]);
    },
  ],
  [
    "memory",
    (value) => {
      const { value: copy, lowered } = copyOut(value, "clone", LIMIT, DEPTH);
      const back: unknown = structuredClone(copy);
      measure(back, LIMIT, 200);
      return Promise.resolve(lowered ? raise(back) : back);
    },
  ],
  [
    "port",
    async (value) => {
      const { port1, port2 } = new MessageChannel();
      const { value: copy, lowered } = copyOut(value, "clone", LIMIT, DEPTH);
      const ignore = { onOpen() {}, onDrain() {}, onClose() {} };
      const arrived = new Promise<unknown>((resolve) => {
        portTransport(port2).open({ ...ignore, onFrame: (frame) => resolve(frame[0]) });
      });
      const near = portTransport(port1).open({ ...ignore, onFrame() {} });
      near.send([copy]);
      const back = await arrived;
      near.close();
      measure(back, LIMIT, 200);
      return lowered ? raise(back) : back;
    },
  ],
];

class Point {
  x = 1;
  get y(): number {
    return this.x + 1;
  }
}

for (const [name, cross] of roads) {
  test(`[E-WIRE-1] every kind of value that may cross arrives alike (${name})`, async () => {
    const value = {
      nothing: null,
      missing: undefined,
      numbers: [0, -0, NaN, Infinity, -Infinity, 1.5, 2 ** 53, -(2 ** 31), 1e300],
      text: ["", "plain", "Füße 你好 🎉", "\u0000\u0001"],
      big: [0n, -1n, 2n ** 64n, -(2n ** 200n)],
      date: [new Date(0), new Date(-5), new Date(NaN), new Date(1.7e12)],
      map: new Map<unknown, unknown>([
        ["a", new Map([[1, new Set([1n, "b", new Date(3)])]])],
        [{ key: 1 }, undefined],
      ]),
      set: new Set([NaN, "x", null]),
      bytes: new Uint8Array([1, 2, 3]),
      views: [
        new Int16Array([-1, 2]),
        new Float64Array([1.5, NaN, -0]),
        new BigInt64Array([-5n]),
        new Uint8ClampedArray([255]),
        new DataView(new Uint8Array([9, 8]).buffer),
      ],
      buffer: new Uint8Array([4, 5]).buffer,
      empty: [[], {}, new Map(), new Set(), new Uint8Array()],
      odd: Object.fromEntries([
        ["\u0001", [0, "not a mark"]],
        ["constructor", 1],
        ["toString", "x"],
      ]),
      hole: [1, undefined, 3],
    };
    const back = (await cross(value)) as typeof value;
    expect(back).toStrictEqual(value);
    expect(Object.is(back.numbers[1], -0)).toBe(true);
    expect("missing" in back).toBe(true);
    expect(Number.isNaN(back.date[2]!.getTime())).toBe(true);
    expect(back.views[4]).toBeInstanceOf(DataView);
  });

  test(`[E-WIRE-2] an error keeps name, message, code and cause, and leaves its stack at home (${name})`, async () => {
    const cause = Object.assign(new RangeError("inner"), { code: 42 });
    const error = Object.assign(new TypeError("outer", { cause }), { code: "E_OUTER", secret: "no" });
    class Custom extends Error {
      override readonly name = "Custom";
    }
    const [outer, custom] = (await cross([error, new Custom("mine")])) as [
      TypeError & { code: string; cause: RangeError & { code: number } },
      Error,
    ];
    expect(outer).toBeInstanceOf(TypeError);
    expect([outer.message, outer.code, outer.cause.message, outer.cause.code]).toEqual([
      "outer",
      "E_OUTER",
      "inner",
      42,
    ]);
    expect(outer.cause).toBeInstanceOf(RangeError);
    expect(outer.stack).toBe("TypeError: outer");
    expect("secret" in outer).toBe(false);
    expect([custom.name, custom.message, custom.constructor]).toEqual(["Custom", "mine", Error]);
  });

  test(`[E-WIRE-3] an instance of a class crosses as its own fields, a Buffer as a Uint8Array of its own (${name})`, async () => {
    const pool = Buffer.from("a secret beside it: tail");
    const small = pool.subarray(pool.length - 4);
    const back = (await cross({ point: new Point(), small })) as { point: object; small: Uint8Array };
    expect(back.point).toStrictEqual({ x: 1 });
    expect(back.small).toStrictEqual(new Uint8Array([116, 97, 105, 108]));
    expect(back.small.constructor).toBe(Uint8Array);
    expect(back.small.buffer.byteLength).toBe(4);
  });

  test(`[E-WIRE-4] an object's own __proto__ key crosses as data (${name})`, async () => {
    const value = JSON.parse('{"__proto__": {"polluted": true}, "a": 1}') as object;
    const back = (await cross(value)) as object;
    expect(Object.keys(back)).toEqual(["__proto__", "a"]);
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
}

const circle: Record<string, unknown> = { name: "circle" };
circle["self"] = { again: circle };

test.each([
  ["a function", { a: { b: [0, () => 1] } }, "a.b[1]", "UNCLONEABLE"],
  ["a symbol", [Symbol("s")], "[0]", "UNCLONEABLE"],
  ["a function in a table", { rows: [1, 2, 3, { onClick: () => 1 }] }, "rows[3].onClick", "UNCLONEABLE"],
  ["a name with spaces", { "to do": { now: Symbol("s") } }, '["to do"].now', "UNCLONEABLE"],
  [
    "a getter that throws",
    {
      a: [
        {
          get b() {
            throw new Error("no");
          },
        },
      ],
    },
    "a[0].b",
    "UNCLONEABLE",
  ],
  ["a promise", { p: Promise.resolve() }, "p", "UNCLONEABLE"],
  ["a WeakMap", new Map([["k", new WeakMap()]]), "k", "UNCLONEABLE"],
  ["a regular expression", { r: /x/ }, "r", "UNCLONEABLE"],
  ["shared memory", { s: new SharedArrayBuffer(8) }, "s", "UNCLONEABLE"],
  ["the value itself", () => 1, "", "UNCLONEABLE"],
  ["a cause that cannot cross", new Error("x", { cause: Symbol("c") }), "cause", "UNCLONEABLE"],
])("[E-WIRE-5] %s is refused with its path", (_, value, path, code) => {
  for (const medium of ["bytes", "clone"] as const) {
    expect(() => copyOut(value, medium, LIMIT, DEPTH)).toThrow(expect.objectContaining({ code, details: { path } }));
  }
});

test("[E-WIRE-6] a cycle, a depth over 64 and a size over the event's limit are refused with LIMIT, without walking on", () => {
  let deep: unknown = 1;
  for (let i = 0; i < 100; i++) deep = [deep];
  const shared = Array.from({ length: 1_000 }, () => "x".repeat(1_000));
  let bomb: unknown = shared;
  for (let i = 0; i < 40; i++) bomb = [bomb, bomb];
  const started = performance.now();
  for (const medium of ["bytes", "clone"] as const) {
    expect(() => copyOut(circle, medium, LIMIT, DEPTH)).toThrow(/self\.again.*cycle/);
    expect(() => copyOut(deep, medium, LIMIT, DEPTH)).toThrow(expect.objectContaining({ code: "LIMIT" }));
    expect(() => copyOut(bomb, medium, LIMIT, DEPTH)).toThrow(/more than 16777216 bytes/);
    expect(() => copyOut(new Uint8Array(2_000), medium, 1_000, DEPTH)).toThrow(/more than 1000 bytes/);
  }
  expect(performance.now() - started).toBeLessThan(5_000);
});

test("[E-WIRE-7] what a platform clones beyond that is refused at the receiver", () => {
  for (const value of [/x/, new SharedArrayBuffer(8), new Error("raw"), Object.create({ inherited: 1 })]) {
    expect(() => measure(value, LIMIT, DEPTH)).toThrow(expect.objectContaining({ code: "PROTOCOL" }));
  }
});

test("[E-WIRE-8] lowered values that no sender makes are refused, and construct nothing", () => {
  const marks: unknown[] = [
    5,
    [],
    [99],
    [0, ["odd"]],
    [0, [1, 2]],
    [1, "now"],
    [2, [1]],
    [3, {}],
    [4, "0x1n"],
    [4, "zz"],
    [6, 1, 2],
    [6, "Error"],
    [7, 99, new Uint8Array(1)],
    [7, 3, new Uint8Array(3)],
    [7, "Uint8Array", []],
    [8, "x"],
  ];
  for (const mark of marks)
    expect(() => raise({ "\u0001": mark })).toThrow(expect.objectContaining({ code: "PROTOCOL" }));
});
