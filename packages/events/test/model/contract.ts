import { z } from "zod";

import { command, defineContract, event } from "../../src/index.ts";

/** `n` counts what one bus emitted in one lane. `before`: the newest progress under the key, for what ends it. */
const Told = z.looseObject({ from: z.string(), n: z.number(), key: z.string(), before: z.number().optional() });
const Asked = z.object({ id: z.number(), kind: z.string(), ms: z.number() });
const Answer = z.object({ id: z.number() });

/** One event of each kind, and one command of each. */
export const contract = defineContract("model@1", {
  "told:plain": event(Told),
  "told:volatile": event(Told, { delivery: "volatile" }),
  "told:progress": event(Told, { delivery: "latest", key: "key", everyMs: 100, endsWith: ["told:end"] }),
  "told:latest": event(Told, { delivery: "latest", key: "key" }),
  "told:end": event(Told),
  "told:urgent": event(Told, { lane: "control" }),
  "told:log": event(Told, { lane: "bulk", queue: { max: 20, whenFull: "drop-oldest" } }),
  "told:newest": event(Told, { lane: "bulk", queue: { max: 5, whenFull: "latest" } }),
  "told:kept": event(Told, { delivery: "durable" }),
  "state:now": event(Told),
  "do:ask": command(Asked, Answer, { from: ["a", "b"], to: ["host"] }),
  "do:sure": command(Asked, Answer, { from: ["a", "b"], to: ["host"], idempotent: true }),
  "do:far": command(Asked, Answer, { from: ["a"], to: ["b"] }),
});

export type Told = z.infer<typeof Told>;
export type Asked = z.infer<typeof Asked>;

type Facts = { readonly lane: "control" | "main" | "bulk"; readonly delivery: "reliable" | "volatile" | "latest" };

/** What the model knows of each event, written down again: read from the contract it could not disagree with it. */
export const EVENTS: Readonly<Record<string, Facts>> = {
  "told:plain": { lane: "main", delivery: "reliable" },
  "told:volatile": { lane: "main", delivery: "volatile" },
  "told:progress": { lane: "main", delivery: "latest" },
  "told:latest": { lane: "main", delivery: "latest" },
  "told:end": { lane: "main", delivery: "reliable" },
  "told:urgent": { lane: "control", delivery: "reliable" },
  "told:log": { lane: "bulk", delivery: "reliable" },
  "told:newest": { lane: "bulk", delivery: "reliable" },
  "told:kept": { lane: "main", delivery: "reliable" },
  "state:now": { lane: "main", delivery: "reliable" },
};
export const NAMES: readonly string[] = Object.keys(EVENTS);
export const PATTERNS: readonly string[] = ["*", "told:*", "state:*", ...NAMES];
