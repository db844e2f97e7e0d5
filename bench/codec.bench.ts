/** Encodes and decodes what a runtime sends, fresh values in each frame; the answers are compared with what went in. */
import { deepStrictEqual } from "node:assert";
import { deserialize, serialize } from "node:v8";

import { defineContract, event } from "@atomiton/events";
import { compiledCodec } from "@atomiton/events/codec";
import { Encoder as CborEncoder } from "cbor-x";
import { Packr } from "msgpackr";
import { z } from "zod";

import { copyOut } from "../packages/events/src/wire/payload.ts";
import type { Contender, Question } from "./harness.ts";
import { progress, progressContract } from "./progress-contract.ts";

const FRAMES = 200;
const id = (n: number): string => `0b9c1f6e-53f6-4f3f-9a1e-${(n % 3).toString(16).padStart(12, "0")}`;

const contract = defineContract("codec@1", {
  "runtime:progress": progressContract.table["runtime:progress"],
  "runtime:output": event(
    z.object({ executionId: z.string(), nodeId: z.string(), port: z.string(), value: z.unknown() }),
  ),
});
const names = ["runtime:progress", "runtime:output"];

const row = (n: number) => ({
  id: n,
  name: `Customer ${n}`,
  email: `customer${n}@example.com`,
  amount: Math.round(n * 137.7) / 100,
  active: n % 3 === 0,
  city: ["Berlin", "Hamburg", "Paris", "Lagos"][n % 4],
  note: n % 5 === 0 ? "asked for an offer" : null,
});
const output = (value: unknown, n: number) => ({ executionId: id(n), nodeId: "read", port: "rows", value });
const rich = (n: number) => ({
  at: new Date(1.7e12 + n),
  seen: new Map<unknown, unknown>([
    ["first", new Date(n)],
    [n, { nested: new Set([1n, "b", n]) }],
  ]),
  tags: new Set([`tag ${n}`, "fixed"]),
  big: 2n ** 70n + BigInt(n),
  numbers: new Float64Array([n, NaN, -0, 1.5]),
  bytes: new Uint8Array([1, 2, 3, n & 0xff]),
  missing: undefined,
});

/** What one frame holds. */
const LOADS = {
  "100 progress": (n: number) => Array.from({ length: 100 }, (_, at) => progress(n * 100 + at)),
  "1 progress": (n: number) => [progress(n)],
  "100-row output": (n: number) => [
    output(
      Array.from({ length: 100 }, (_, at) => row(n * 100 + at)),
      n,
    ),
  ],
  "rich values": (n: number) => [output(rich(n), n)],
} as const;

type Load = readonly unknown[];
type Pass = (load: Load) => { back: unknown; bytes: number };

const packr = new Packr({ useRecords: false });
const shared = { structures: [], structuredClone: true, moreTypes: true };
const records = new Packr(shared);
const cbor = new CborEncoder({ structures: [], structuredClone: true } as never);

/** As a session does: the copy that the sender may not change any more, and marks for what has no bytes of its own. */
function throughCodec(name: string, generate: boolean, copies: boolean): () => Pass {
  return () => {
    const codec = compiledCodec(contract, { generate });
    const encoder = codec.encoder(names);
    const decoder = codec.decoder(names);
    const number = names.indexOf(name);
    return (load) => {
      const body: unknown[] = [];
      for (const each of load) body.push(number, copies ? copyOut(each, "bytes", 1e8, 64).value : each);
      const bytes = encoder.encode(body, true)!;
      const list = decoder.decode(bytes, 64);
      const back: unknown[] = [];
      for (let at = 1; at < list.length; at += 2) back.push(list[at]);
      return { back, bytes: bytes.byteLength };
    };
  };
}

function contenders(name: string, make: (n: number) => Load, isRich: boolean): Question["contenders"] {
  const passes: Record<string, () => Pass> = {
    ...(!isRich && {
      "JSON as bytes": () => (load) => {
        const bytes = Buffer.from(JSON.stringify(load));
        return { back: JSON.parse(bytes.toString()), bytes: bytes.byteLength };
      },
      "msgpackr plain": () => (load) => {
        const bytes = packr.pack(load);
        return { back: packr.unpack(bytes), bytes: bytes.byteLength };
      },
    }),
    structuredClone: () => (load) => ({ back: structuredClone(load), bytes: 0 }),
    "v8.serialize": () => (load) => {
      const bytes = serialize(load);
      return { back: deserialize(bytes), bytes: bytes.byteLength };
    },
    "msgpackr records, structured clone": () => (load) => {
      const bytes = records.pack(load);
      return { back: records.unpack(bytes), bytes: bytes.byteLength };
    },
    "cbor-x shared, structured clone": () => (load) => {
      const bytes = cbor.encode(load);
      return { back: cbor.decode(bytes), bytes: bytes.byteLength };
    },
    ...(!isRich && {
      "atomiton compiled": throughCodec(name, true, false),
      "atomiton compiled, as loops": throughCodec(name, false, false),
    }),
    "atomiton compiled, with the sender's copy": throughCodec(name, true, true),
  };
  const loads = Array.from({ length: FRAMES }, (_, n) => make(n));
  return Object.fromEntries(
    Object.entries(passes).map(([contender, open]) => [contender, () => contend(open(), loads)]),
  );
}

function contend(pass: Pass, loads: readonly Load[]): Contender {
  let sum = 0;
  for (const load of loads) {
    const { back, bytes } = pass(load);
    deepStrictEqual(back, load);
    sum += bytes;
  }
  return {
    bytes: Math.round(sum / loads.length),
    run(units) {
      for (let at = 0; at < units; at++) pass(loads[at % loads.length]!);
      return Promise.resolve(units);
    },
  };
}

export const questions: Question[] = Object.entries(LOADS).map(([load, make]) => {
  const isRich = load === "rich values";
  const name = load.endsWith("progress") ? "runtime:progress" : "runtime:output";
  return {
    name: `codec-${load.replaceAll(" ", "-")}`,
    question: `What does it cost to encode and decode a frame of ${load}?`,
    unit: "frames",
    units: load === "1 progress" ? 50_000 : isRich ? 10_000 : 1_000,
    rounds: 9,
    reference: isRich ? "structuredClone" : "JSON as bytes",
    contenders: contenders(name, make, isRich),
  };
});
