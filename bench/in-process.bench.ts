/** What does one emit cost inside one process? The same work through each bus, deliveries counted. */
import { EventEmitter } from "node:events";

import { defineContract, event, EventBus } from "@atomiton/events";
import Emittery from "emittery";
import eventemitter2 from "eventemitter2";
import { EventEmitter as EventEmitter3 } from "eventemitter3";
import mittModule, { type Emitter as Mitt } from "mitt";
import { z } from "zod";

import type { Contender, Question, Target } from "./harness.ts";
import { progress } from "./progress-contract.ts";

/** Its types are those of CommonJS, its module is not. */
const mitt = mittModule as unknown as <E extends Record<string, unknown>>() => Mitt<E>;

type Hear = (data: unknown) => void;

/** One bus of one kind, as the questions use it. */
interface Bus {
  on(name: string, hear: Hear): void;
  off(name: string, hear: Hear): void;
  once?(name: string, hear: Hear): void;
  onAll?(hear: Hear): void;
  emit(name: string, data: unknown): unknown;
}

const ROW = progress(7);
const Progress = z.object({
  executionId: z.string(),
  percent: z.number().min(0).max(100),
  message: z.string(),
  done: z.number(),
  total: z.number(),
});
const NAMES = Array.from({ length: 1_000 }, (_, at) => `runtime:event-${at}`);
const contract = defineContract("in-process@1", Object.fromEntries(NAMES.map((name) => [name, event(Progress, {})])));

/** Calls, not methods that are passed on: what is measured is each library's own code. */
const buses = {
  eventemitter3: (): Bus => {
    const bus = new EventEmitter3();
    return {
      on: (name, hear) => bus.on(name, hear),
      off: (name, hear) => bus.off(name, hear),
      once: (name, hear) => bus.once(name, hear),
      emit: (name, data) => bus.emit(name, data),
    };
  },
  "node:events": (): Bus => {
    const bus = new EventEmitter().setMaxListeners(0);
    return {
      on: (name, hear) => bus.on(name, hear),
      off: (name, hear) => bus.off(name, hear),
      once: (name, hear) => bus.once(name, hear),
      emit: (name, data) => bus.emit(name, data),
    };
  },
  mitt: (): Bus => {
    const bus = mitt<Record<string, unknown>>();
    return {
      on: (name, hear) => bus.on(name, hear),
      off: (name, hear) => bus.off(name, hear),
      onAll: (hear) => bus.on("*", (_, data) => hear(data)),
      emit: (name, data) => bus.emit(name, data),
    };
  },
  eventemitter2: (): Bus => {
    const bus = new eventemitter2.EventEmitter2({ maxListeners: 0 });
    const wide = new eventemitter2.EventEmitter2({ wildcard: true, delimiter: ":", maxListeners: 0 });
    let isWide = false;
    return {
      on: (name, hear) => bus.on(name, hear),
      off: (name, hear) => bus.off(name, hear),
      once: (name, hear) => bus.once(name, hear),
      onAll: (hear) => {
        isWide = true;
        wide.on("runtime:*", hear);
      },
      emit: (name, data) => (isWide ? wide.emit(name, data) : bus.emit(name, data)),
    };
  },
  emittery: (): Bus => {
    const bus = new Emittery<Record<string, unknown>>();
    return {
      on: (name, hear) => bus.on(name, hear),
      off: (name, hear) => bus.off(name, hear),
      emit: (name, data) => bus.emit(name, data),
    };
  },
  "bare Map and array": (): Bus => {
    const lists = new Map<string, Hear[]>();
    return {
      on: (name, hear) => lists.set(name, [...(lists.get(name) ?? []), hear]),
      off: (name, hear) => lists.set(name, lists.get(name)?.filter((each) => each !== hear) ?? []),
      emit: (name, data) => {
        const list = lists.get(name);
        if (list !== undefined) for (let at = 0; at < list.length; at++) list[at]!(data);
      },
    };
  },
  "atomiton, types only": (): Bus => ours(new EventBus({ connect: false })),
  "atomiton, contract, validates what comes in": (): Bus =>
    ours(new EventBus({ contract, connect: false, validate: "in" })),
  "atomiton, contract, validates all": (): Bus => ours(new EventBus({ contract, connect: false })),
} satisfies Record<string, () => Bus>;

function ours(bus: EventBus): Bus {
  return {
    on: (name, hear) => bus.on(name, hear),
    off: (name, hear) => bus.off(name, hear),
    once: (name, hear) => bus.once(name, hear),
    onAll: (hear) => bus.on("runtime:*", hear),
    emit: (name, data) => bus.emit(name, data),
  };
}

type Kind = keyof typeof buses;
const PLAIN: readonly Kind[] = ["eventemitter3", "atomiton, types only", "atomiton, contract, validates what comes in"];
const PEERS: readonly Kind[] = ["bare Map and array", "node:events", "mitt", "eventemitter2"];

let heard = 0;
const hear: Hear = () => {
  heard++;
};

/** Runs `turn` for each unit; with fewer deliveries than `perUnit` each the run fails. */
function each(
  kinds: readonly Kind[],
  perUnit: number,
  make: (bus: Bus) => (at: number) => void,
): Question["contenders"] {
  const contender = (kind: Kind): Contender => {
    const turn = make(buses[kind]());
    return {
      run(units) {
        heard = 0;
        for (let at = 0; at < units; at++) turn(at);
        return perUnit === 0 ? units : heard / perUnit;
      },
    };
  };
  return Object.fromEntries(kinds.map((kind) => [kind, () => contender(kind)]));
}

/** Emittery answers with promises: its own way to wait, else the same. */
const emittery: Question["contenders"] = {
  emittery() {
    const bus = buses.emittery();
    bus.on(NAMES[0]!, hear);
    return {
      async run(units) {
        heard = 0;
        for (let at = 0; at < units; at += 100)
          await Promise.all(Array.from({ length: 100 }, () => bus.emit(NAMES[0]!, ROW)));
        return heard;
      },
    };
  },
};

const listening = (count: number, names: number) => (bus: Bus) => {
  // Each its own function: one that is on a list twice is another question.
  for (const name of NAMES.slice(0, names)) for (let at = 0; at < count; at++) bus.on(name, (data) => hear(data));
  return (at: number): void => void bus.emit(NAMES[at % names]!, ROW);
};
/** A name with many listeners stays as it is, one comes and goes. */
const comingAndGoing = (bus: Bus) => {
  for (const name of NAMES.slice(0, 50)) bus.on(name, () => undefined);
  return (at: number): void => {
    const name = NAMES[at % 50]!;
    bus.on(name, hear);
    bus.off(name, hear);
  };
};

const UNCHECKED = "atomiton, contract, validates what comes in";
const CHECKED = "atomiton, contract, validates all, one middleware";
const asMuch = (atLeast: number): readonly Target[] => [
  { text: "to eventemitter3", of: (row) => row(UNCHECKED).cpuRatio, atLeast },
];
const shared = { unit: "emits", rounds: 9, reference: "eventemitter3" } as const;
export const questions: Question[] = [
  {
    ...shared,
    name: "in-process-1-listener",
    question: "What does an emit to one listener cost?",
    units: 1_000_000,
    targets: asMuch(1),
    contenders: { ...each([...PLAIN, ...PEERS], 1, listening(1, 1)), ...emittery },
  },
  {
    ...shared,
    name: "in-process-10-listeners",
    question: "What does an emit to ten listeners cost?",
    units: 300_000,
    targets: asMuch(1.2),
    contenders: each([...PLAIN, ...PEERS], 10, listening(10, 1)),
  },
  {
    ...shared,
    name: "in-process-1000-names",
    question: "What does an emit cost where a thousand names are heard?",
    units: 1_000_000,
    targets: asMuch(1.2),
    contenders: each([...PLAIN, ...PEERS], 1, listening(1, 1_000)),
  },
  {
    ...shared,
    name: "in-process-once",
    question: "What does a subscription for one emit cost, with that emit?",
    unit: "subscriptions",
    units: 100_000,
    targets: asMuch(0.8),
    contenders: each([...PLAIN, "node:events", "eventemitter2"], 1, (bus) => () => {
      bus.once!(NAMES[0]!, hear);
      bus.emit(NAMES[0]!, ROW);
    }),
  },
  {
    ...shared,
    name: "in-process-on-off",
    question: "What does a subscription cost that comes and goes, on 50 names with a listener each?",
    unit: "subscriptions",
    units: 100_000,
    targets: asMuch(0.8),
    contenders: each([...PLAIN, ...PEERS], 0, comingAndGoing),
  },
  {
    ...shared,
    name: "in-process-wildcard",
    question: "What does an emit cost that only a pattern hears?",
    units: 500_000,
    reference: "mitt",
    targets: [
      { text: "to mitt", of: (row) => row(UNCHECKED).cpuRatio, atLeast: 0.7 },
      { text: "to eventemitter2", of: (row) => row(UNCHECKED).cpuRatio / row("eventemitter2").cpuRatio, atLeast: 4 },
    ],
    contenders: each(
      ["mitt", "eventemitter2", "atomiton, types only", "atomiton, contract, validates what comes in"],
      1,
      (bus) => {
        bus.onAll!(hear);
        return (at: number): void => void bus.emit(NAMES[at % 50]!, ROW);
      },
    ),
  },
  {
    ...shared,
    name: "in-process-validated",
    question: "What does an emit cost that is checked with zod on its way out, and passes a middleware?",
    units: 300_000,
    reference: "zod safeParse alone",
    targets: [{ text: "millions a second of CPU", of: (row) => 1 / row(CHECKED).cpuUsPerUnit, atLeast: 3 }],
    contenders: {
      "zod safeParse alone": () => ({
        run(units) {
          let sound = 0;
          for (let at = 0; at < units; at++) if (Progress.safeParse(ROW).success) sound++;
          return sound;
        },
      }),
      "zod through its Standard Schema": () => ({
        run(units) {
          let sound = 0;
          for (let at = 0; at < units; at++) if (!("issues" in Progress["~standard"].validate(ROW))) sound++;
          return sound;
        },
      }),
      ...each(["atomiton, contract, validates all"], 1, listening(1, 1)),
      "atomiton, contract, validates all, one middleware": () => {
        const bus = new EventBus({ contract, connect: false });
        bus.use({ local: (_, next) => next(), out: (_, next) => next(), in: (_, next) => next() });
        bus.on(NAMES[0]!, hear);
        return {
          run(units) {
            heard = 0;
            for (let at = 0; at < units; at++) bus.emit(NAMES[0]!, ROW);
            return heard;
          },
        };
      },
    },
  },
];
