import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { EventBus, type Journal } from "@atomiton/events";
import { fileJournal } from "@atomiton/events/node";
import { fakeClock, type FakeClock } from "@atomiton/events/testing";
import { libraryContract, runtimeContract } from "@atomiton/runtime/contract";
import { expect, onTestFinished, test } from "vitest";

import { fold, newExecution, type Execution, type ExecutionEvent } from "../../src/model/execution.ts";
import { Player, type PlayerView } from "../../src/recording/player.ts";
import { recordedHost } from "../../src/recording/recorded-host.ts";
import { ID, script } from "../model/events.ts";

type Host = EventBus<any, any>;

/** The bytes of a recording that a real bus wrote into a real file, ten milliseconds from one message to the next. */
async function recordingOf(write: (host: Host, clock: FakeClock, journal: Journal) => Promise<void> | void) {
  const folder = mkdtempSync(join(tmpdir(), "atomiton-recording-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "run.atj");
  const clock = fakeClock({ now: 1_000_000 });
  const journal = await fileJournal(file, { clock, durability: "process" });
  const host: Host = new EventBus({ contracts: [runtimeContract, libraryContract], role: "host", clock });
  const stop = host.record(journal);
  await write(host, clock, journal);
  stop();
  await journal.close();
  await host.close();
  return new Uint8Array(readFileSync(file));
}

const ZEROES = {
  pending: 0,
  ready: 0,
  held: 0,
  running: 0,
  waiting: 0,
  backoff: 0,
  failed: 0,
  skipped: 0,
  cancelled: 0,
};

function run(): ExecutionEvent[] {
  const say = script();
  const events = [say.started(), say.state("running")];
  for (let item = 0; item < 12; item++) {
    const path = `each[${item}]/work`;
    events.push(say.node(path, "ready"), say.node(path, "running"), say.log(path, `line ${item}`));
    if (item === 5) events.push(say.fault(path, "no"));
    events.push(say.output(path, item), say.node(path, item === 5 ? "failed" : "completed"));
  }
  const end = say.completed({ sum: 66 }) as { type: "runtime:completed"; data: { counts: unknown } };
  end.data.counts = { ...ZEROES, completed: 12 };
  events.push(end as unknown as ExecutionEvent);
  return events;
}

function tell(events: readonly ExecutionEvent[]) {
  return (host: Host, clock: FakeClock): void => {
    for (const { type, data } of events) {
      host.emit(type, data);
      clock.advance(10);
    }
  };
}

interface Seen {
  readonly player: Player;
  readonly clock: FakeClock;
  readonly state: () => Execution;
  readonly view: () => PlayerView;
  /** Events that the watcher got since this was asked last. */
  readonly handed: () => number;
  /** Until what was asked of the player is done. */
  readonly settle: () => Promise<void>;
}

async function open(bytes: Uint8Array, at?: number): Promise<Seen> {
  const clock = fakeClock();
  const player = await openWith(bytes, clock, at);
  let state = newExecution(ID);
  let handed = 0;
  let view = player.view;
  player.onView((next) => (view = next));
  player.watch(ID, {
    hear(events) {
      handed += events.length;
      state = fold(state, events);
    },
    onRestart: (from) => (state = from ?? newExecution(ID)),
    onGap: () => expect.unreachable(),
    onFault: () => expect.unreachable(),
  });
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 50; turn++) {
      clock.advance(0);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await settle();
  return {
    player,
    clock,
    settle,
    state: () => state,
    view: () => view,
    handed() {
      const count = handed;
      handed = 0;
      return count;
    },
  };
}

/** Reading gives other work its turn by the clock: it has to move. */
async function openWith(bytes: Uint8Array, clock: FakeClock, at?: number): Promise<Player> {
  let player: Player | undefined;
  let fault: unknown;
  Player.open(bytes, { name: "run.atj", clock, at }).then(
    (opened) => (player = opened),
    (error: unknown) => (fault = error),
  );
  while (player === undefined && fault === undefined) {
    clock.advance(0);
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (player === undefined) throw fault;
  const opened = player;
  onTestFinished(() => opened.close());
  return opened;
}

const until = (events: readonly ExecutionEvent[], seq: number): Execution =>
  fold(newExecution(ID), events.slice(0, seq));

test("[ST-REP-1] the state at a record is that of all records up to it, forwards, backwards and at both ends", async () => {
  const events = run();
  const { player, settle, state, view } = await open(await recordingOf(tell(events)));
  expect(state()).toEqual(until(events, events.length));
  const places = [0, 40, 3, events.length, 1, 20, 19, 21, 0, events.length - 1];
  for (const place of places) {
    player.seek(place);
    await settle();
    expect(state(), `at ${place}`).toEqual(until(events, place));
    expect(view().position).toBe(place);
  }
  player.seek(-5);
  await settle();
  expect([view().position, state()]).toEqual([0, newExecution(ID)]);
  player.seek(1_000);
  await settle();
  expect(view().position).toBe(events.length);
});

test("[ST-REP-1] of many moves at once the last one counts, and no other is shown", async () => {
  const events = run();
  const { player, settle, state, handed } = await open(await recordingOf(tell(events)));
  handed();
  for (let place = events.length; place >= 10; place--) player.seek(place);
  await settle();
  expect(state()).toEqual(until(events, 10));
  expect(handed()).toBe(10);
});

test(
  "[ST-REP-2] in 100,000 records a move folds a thousandth part of them, and the snapshots stay few",
  { timeout: 60_000 },
  async () => {
    const say = script();
    const started = say.started();
    const bytes = await recordingOf(async (host, _clock, journal) => {
      host.emit(started.type, started.data);
      for (let item = 1; item < 100_000; item++) {
        const { type, data } = say.node(`each[${item % 5_000}]/work`, item % 2 === 0 ? "running" : "ready");
        host.emit(type, data);
        if (item % 5_000 === 0) await journal.flush();
      }
    });
    const { player, settle, state, view, handed } = await open(bytes);
    expect(view().last).toBe(100_000);
    expect(player.index.snapshots).toBeLessThanOrEqual(102);
    expect(state().instances.size).toBe(5_000);
    for (const place of [50_000, 99_999, 2, 73_333, 2_001]) {
      handed();
      player.seek(place);
      await settle();
      expect(handed()).toBeLessThanOrEqual(1_001);
      expect(view().position).toBe(place);
      expect(state().seq).toBe(place);
    }
  },
);

test("[ST-REP-3] plays at the recorded pace, or a part or a multiple of it, stops at the end, and begins anew from there", async () => {
  const events = run();
  const { player, clock, settle, view } = await open(await recordingOf(tell(events)), 0);
  expect(view()).toMatchObject({ position: 0, isPlaying: false });
  const pass = async (ms: number): Promise<void> => {
    await settle();
    for (let step = 0; step < ms; step += 5) {
      clock.advance(5);
      await settle();
    }
  };
  player.play();
  await settle();
  expect(view().isPlaying).toBe(true);
  await pass(100);
  expect(player.view.position).toBe(11);
  player.pause();
  await pass(100);
  expect(view()).toMatchObject({ position: 11, isPlaying: false });
  player.setSpeed(2);
  player.play();
  await pass(100);
  expect(player.view.position).toBe(11 + 21);
  await pass(1_000);
  expect(view()).toMatchObject({ position: events.length, isPlaying: false });
  expect(clock.pendingTimers).toBe(0);
  player.play();
  await settle();
  expect(player.view.position).toBe(1);
  // Between two records the recorded time goes on, and waits for the next one.
  clock.advance(2);
  expect(player.view.now - player.view.from).toBe(4);
  player.pause();
  expect(clock.pendingTimers).toBe(0);
});

test("[ST-REP-3] a move while it plays goes on playing from there; a step stops", async () => {
  const events = run();
  const { player, clock, settle, view } = await open(await recordingOf(tell(events)), 0);
  player.play();
  await settle();
  player.seek(30);
  player.seek(40);
  await settle();
  expect([view().isPlaying, player.view.position]).toEqual([true, 41]);
  player.step(-1);
  await settle();
  clock.advance(1_000);
  await settle();
  expect(view()).toMatchObject({ position: 40, isPlaying: false });
  player.step(1);
  await settle();
  expect(view()).toMatchObject({ position: 41, record: { name: events[40]?.type, path: "each[7]/work" } });
});

test("[ST-REP-4] a recording runs nothing, cancels nothing and has no bytes of files", async () => {
  const player = await openWith(await recordingOf(tell(run())), fakeClock());
  const host = recordedHost(player);
  expect(() => host.execute("b", {}, [])).toThrow("runs nothing");
  await expect(host.cancel(ID)).rejects.toThrow("runs nothing");
  await expect(host.download("sha256:0")).rejects.toThrow("does not hold their bytes");
  expect(await host.executions()).toMatchObject([{ executionId: ID, state: "completed", blueprint: { id: "b" } }]);
});

test("[ST-REP-5] a torn recording is shown up to its last good record, and says so", async () => {
  const events = run();
  const bytes = await recordingOf(tell(events));
  const { view, state } = await open(bytes.subarray(0, bytes.byteLength - 5));
  expect(view()).toMatchObject({ last: events.length - 1, missing: expect.stringContaining("torn") });
  expect(state()).toEqual(until(events, events.length - 1));
  const damaged = Uint8Array.from(bytes);
  damaged[Math.round(bytes.byteLength / 2)]! ^= 0xff;
  const salvaged = await open(damaged);
  expect(salvaged.view().last).toBeLessThan(events.length);
  expect(salvaged.view().missing).toContain(`behind record ${salvaged.view().last}`);
  expect(salvaged.state()).toEqual(until(events, salvaged.view().last));
});

test("[ST-REP-5] what is no recording, or holds no run, is said to be so", async () => {
  const text = new TextEncoder().encode("apiVersion: atomiton.dev/v1\n");
  await expect(openWith(text, fakeClock())).rejects.toThrow("“run.atj” is no recording");
  await expect(openWith(new Uint8Array(0), fakeClock())).rejects.toThrow("no whole record");
  const idle = await recordingOf((host) => host.emit("library:changed", { what: "executions", ids: [] }));
  await expect(openWith(idle, fakeClock())).rejects.toThrow("holds no run");
  const other = await recordingOf((_host, _clock, journal) => void journal.append({ some: "thing" }));
  await expect(openWith(other, fakeClock())).rejects.toMatchObject({ code: "JOURNAL" });
});

test("[ST-REP-6] without its Blueprint a run is drawn from the paths of its nodes", async () => {
  const player = await openWith(await recordingOf(tell(run())), fakeClock());
  const blueprint = player.index.blueprints.get("b");
  expect(blueprint?.graph.nodes.map(({ path, parent }) => [path, parent])).toEqual([
    ["each", undefined],
    ["each/work", "each"],
  ]);
  expect(blueprint?.file).toContain("not recorded");
});
