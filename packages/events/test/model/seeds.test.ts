import { expect, test } from "vitest";

import { play } from "./run.ts";
import type { Script, Step } from "./script.ts";

/** Scripts that once failed, as short as they could be made; the first thing each does is get all links ready. */
function script(steps: readonly Step[], buses: 2 | 3 = 2, seed = 0): Script {
  return { buses, medium: "bytes", coding: "plain", seed, steps };
}

const hear = { do: "hear", at: "a", pattern: "*", key: undefined, since: false } as const;
const emit = { do: "emit", at: "a", name: "told:plain", key: 0, count: 1 } as const;
const ask = { do: "ask", at: "a", name: "do:sure", kind: "never", timeoutMs: 500, key: undefined } as const;
const cut = { do: "cut", road: 0, half: undefined } as const;

test("[E-MOD-3] a handler behind a bus in the middle is known also where two links shook hands at once", async () => {
  expect(await play(script([{ ...ask, name: "do:far", kind: "value" }], 3))).toEqual([]);
});

test("[E-MOD-3] what is subscribed between two sessions is announced once", async () => {
  const steps: Step[] = [cut, { do: "down", road: 0 }, { do: "pass", ms: 70_000 }, hear, hear, emit];
  expect(await play(script(steps))).toEqual([]);
});

test("[E-MOD-3] a link that was closed while it was away can be dialled anew", async () => {
  expect(await play(script([cut, { do: "replace", road: 0 }]))).toEqual([]);
  expect(
    await play(
      script([
        { do: "stall", road: 0 },
        { do: "replace", road: 0 },
      ]),
    ),
  ).toEqual([]);
});

test("[E-MOD-3] a resume that was said three times on a slow road, and refused three times, begins one new session", async () => {
  const steps: Step[] = [{ do: "stall", road: 0 }, { do: "pass", ms: 30_000 }, emit, { do: "pass", ms: 70_000 }];
  expect(await play(script(steps))).toEqual([]);
});

test("[E-MOD-3] the end of a window does not end the handshake of the session behind it", async () => {
  const half = { ...cut, half: "acceptor" } as const;
  const wait = { do: "pass", ms: 3_000 } as const;
  const steps: Step[] = [cut, wait, half, { ...half, road: 1 }, wait, { do: "replace", road: 0 }, emit];
  expect(await play(script(steps, 3, 329_459))).toEqual([]);
});

test("[E-MOD-3] a keyed request whose caller is gone is told to stop when its bus closes", async () => {
  expect(await play(script([ask, { do: "replace", road: 0 }]))).toEqual([]);
});

test("[E-MOD-3] what is lost before the bus in the middle is a gap behind it too", async () => {
  const begin: Step[] = [{ ...hear, at: "b" }, { do: "calm" }, { do: "stall", road: 0 }];
  const lose: Step[] = [emit, { do: "move", frames: 9 }, { do: "pass", ms: 130_000 }, emit, { do: "calm" }];
  const steps = [...begin, ...lose];
  expect(await play(script(steps, 3))).toEqual([]);
});

test("[E-MOD-3] a new value under a key does not take away the one that an ending event flushed", async () => {
  const story: Step = { do: "story", at: "host", key: 1, count: 1 };
  const again: Step = { do: "emit", at: "host", name: "told:progress", key: 1, count: 2 };
  expect(await play(script([hear, { do: "calm" }, story, again]))).toEqual([]);
});

test("[E-MOD-3] a volatile message in chunks does not outlive the link that it began to cross", async () => {
  const steps: Step[] = [hear, { do: "calm" }, { do: "emit-large", at: "host", name: "told:volatile" }, cut];
  expect(await play(script(steps))).toEqual([]);
});

test("[E-MOD-3] what is stored while a subscription since the last value is away comes when it is back", async () => {
  const kept: Step = { do: "emit", at: "host", name: "told:kept", key: 0, count: 1 };
  const lose: Step = { do: "lose", road: 0, at: "a", name: "told:plain", count: 1 };
  const last: Step = { do: "hear", at: "a", pattern: "told:kept", key: undefined, since: true };
  expect(await play(script([last, { do: "calm" }, cut, kept, lose]))).toEqual([]);
});
