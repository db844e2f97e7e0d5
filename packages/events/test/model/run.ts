import type { Meta } from "../../src/index.ts";
import { seededRandom } from "../../src/testing/index.ts";
import { EVENTS, type Told } from "./contract.ts";
import { Emissions, Hearing, livenessFaults, safetyFaults } from "./model.ts";
import { Requests } from "./requests.ts";
import type { At, Script, Step } from "./script.ts";
import { World } from "./world.ts";

/** Compresses, but not a hundredfold: that is sent as it is. */
const random = seededRandom(1);
const LARGE = Array.from({ length: 15_000 }, () => random().toString(36).slice(2, 12)).join("");

/** Plays a script and compares with the model. Returns what is wrong; nothing when all is well. */
export async function play(script: Script): Promise<string[]> {
  return new Player(script).play();
}

class Player {
  readonly #script: Script;
  readonly #world: World;
  readonly #requests: Requests;
  readonly #emissions = new Emissions();
  readonly #hearings: { readonly hearing: Hearing; readonly stop: () => void }[] = [];
  readonly #findings: string[] = [];
  #step = 0;
  #calmWay: number | undefined;

  constructor(script: Script) {
    this.#script = script;
    this.#world = new World(script);
    this.#requests = new Requests(this.#world);
    for (const [at, bus] of this.#world.buses) {
      bus.provide("state:now", () => {
        const last = this.#emissions.lastOf(at, "state:now");
        return { from: at, n: last?.n ?? 0, key: last?.key ?? "" } satisfies Told;
      });
      bus.use({ in: (message, next) => (this.#crossed(at, message.name, message.data as Told), next()) });
    }
  }

  async play(): Promise<string[]> {
    const { steps } = this.#script;
    for (const each of [{ do: "calm" } as const, ...steps, { do: "calm" } as const]) {
      this.#step++;
      await this.#do(each);
      if (this.#findings.length > 0) return this.#report();
    }
    await this.#end();
    return this.#report();
  }

  #report(): string[] {
    if (this.#findings.length === 0) return [];
    return [`after step ${this.#step - 2}`, ...new Set(this.#findings)];
  }

  async #do(step: Step): Promise<void> {
    const world = this.#world;
    const road = "road" in step ? step.road % world.roads.length : 0;
    const at: At = "at" in step && world.buses.has(step.at) ? step.at : "a";
    switch (step.do) {
      case "emit":
        for (let i = 0; i < step.count; i++) this.#emit(at, step.name, step.key);
        return;
      case "story":
        for (let i = 0; i < step.count; i++) this.#emit(at, "told:progress", step.key);
        return this.#emit(at, "told:end", step.key);
      case "lose":
        world.roads[road]!.stall();
        for (let i = 0; i < step.count; i++) {
          this.#emit(at, step.name, i);
          await world.pass(1);
        }
        // Longer than silence and window together.
        await world.pass(130_000);
        return world.roads[road]!.flow();
      case "emit-large":
        return this.#emit(at, step.name, 0, LARGE);
      case "hear":
        return this.#hear(at, step.pattern, step.key, step.since);
      case "stop": {
        const live = this.#hearings.filter(({ hearing }) => hearing.stoppedAt === undefined);
        const one = live[step.which % Math.max(1, live.length)];
        if (one !== undefined) this.#stop(one);
        return;
      }
      case "ask":
        return this.#requests.ask(at, step.name, step.kind, step.timeoutMs, step.key, this.#isUntouched());
      case "cancel":
        return this.#requests.cancel(step.which);
      case "move":
        return world.move(step.frames);
      case "pass":
        return world.pass(step.ms);
      case "sleep":
        world.clock.sleep(step.ms);
        return world.move();
      case "cut":
        return world.roads[road]!.cut(step.half);
      case "down":
      case "up":
        return world.roads[road]!.setDown(step.do === "down");
      case "stall":
        return world.roads[road]!.stall();
      case "flow":
        return world.roads[road]!.flow();
      case "replace":
        return this.#replace(road);
      case "faults": {
        const chances = Object.entries(step.percent).map(([name, percent]) => [name, percent / 100]);
        return world.roads[road]!.setFaults(Object.fromEntries(chances) as Record<string, number>);
      }
      case "calm":
        return this.#calm();
    }
  }

  #emit(at: At, name: string, key: number, pad?: string): void {
    const emissions = this.#emissions;
    const id = `${at}${key}`;
    const before = name === "told:end" ? emissions.lastOf(at, "told:progress", id)?.n : undefined;
    const told: Told = {
      from: at,
      n: emissions.next(at, name),
      key: id,
      ...(before === undefined ? {} : { before }),
      ...(pad === undefined ? {} : { pad }),
    };
    const isVolatile = EVENTS[name]!.delivery === "volatile";
    const near: readonly At[] = at === "host" ? ["a", "b"] : ["host"];
    const cutOff = isVolatile ? near.filter((to) => this.#world.buses.has(to) && !this.#world.isOpen(at, to)) : [];
    const ways = new Map(near.map((to) => [to, this.#world.wayBetween(at, to)]));
    emissions.all.push({ name, from: at, n: told.n, key: id, step: this.#step, cutOff, ways });
    this.#world.bus(at).emit(name, told);
  }

  #hear(at: At, pattern: string, keyNumber: number | undefined, isSince: boolean): void {
    // A key belongs to one emitter; a page asks for the host's.
    const key = keyNumber === undefined ? undefined : `${at === "host" ? "a" : "host"}${keyNumber}`;
    const hearing = new Hearing(at, pattern, key, isSince, this.#step);
    const hear = (told: Told, meta: Meta): void => {
      hearing.hear(told, meta);
      this.#heardVolatile(hearing, meta.name, told);
    };
    const off = this.#world.bus(at).on(pattern, hear, {
      ...(key === undefined ? {} : { where: { key } }),
      ...(isSince ? { since: "last" as const } : {}),
      onGap: (gap) => hearing.miss(gap),
    });
    // Who is away when it begins learns of it when the links are whole again.
    const world = this.#world;
    const ways = [...world.buses.keys()].map((from) => [from, world.wayBetween(from, at)] as const);
    void off.ready.then(() => {
      hearing.isReady = true;
      for (const [from, way] of ways) {
        if (way !== undefined && way === world.wayBetween(from, at)) hearing.known.set(from, this.#step);
      }
    });
    this.#hearings.push({ hearing, stop: off });
  }

  /** S2: what was on its way when a link broke does not come over the next one. */
  #heardVolatile({ at, findings, since }: Hearing, name: string, { from, n }: Told): void {
    if (EVENTS[name]?.delivery !== "volatile" || at === from) return;
    if (since) return; // It may have come in time, and been held until the snapshot was there.
    const emitted = this.#emissions.all.find((each) => each.from === from && each.name === name && each.n === n);
    if (emitted?.ways.has(at as At) !== true || emitted.ways.get(at as At) === this.#world.wayBetween(from as At, at))
      return;
    findings.push(`${name} ${n} of ${from} outlived its link`);
  }

  #stop({ hearing, stop }: { readonly hearing: Hearing; readonly stop: () => void }): void {
    stop();
    hearing.stoppedAt = this.#step;
  }

  /** What nobody hears does not cross: somebody on this side, or behind it, was there when it was emitted or later. */
  #crossed(to: At, name: string, { from, n, key }: Told): void {
    const emitted = this.#emissions.all.find((each) => each.from === from && each.name === name && each.n === n);
    if (emitted === undefined) return; // A command.
    const behind: readonly At[] = to !== "host" ? [to] : (["host", "a", "b"] as const).filter((each) => each !== from);
    const isWanted = this.#hearings.some(
      ({ hearing }) => behind.includes(hearing.at) && hearing.goneAt >= emitted.step && hearing.fits(name, key),
    );
    if (!isWanted) this.#findings.push(`${name} ${n} of ${from} came to ${to}, where nobody hears it`);
  }

  /** Closes a link and dials anew: the one break that is announced and resumes nothing. */
  async #replace(road: number): Promise<void> {
    const world = this.#world;
    world.links[road]!.close("the script replaces it");
    const page = road === 0 ? "a" : "b";
    for (const { hearing } of this.#hearings) {
      for (const from of world.buses.keys()) {
        if (from !== hearing.at && (from === page || hearing.at === page)) hearing.excused.set(from, this.#step);
      }
    }
    world.dial(page, road);
    await this.#calm();
  }

  /** No link has been away since the last calm. */
  #isUntouched(): boolean {
    return this.#calmWay !== undefined && this.#calmWay === this.#world.wayBetween("a", "b");
  }

  async #calm(): Promise<void> {
    const problem = await this.#world.calm();
    this.#calmWay = this.#world.wayBetween("a", "b");
    if (problem !== undefined) this.#findings.push(problem);
    for (const { hearing } of this.#hearings) {
      if (hearing.stoppedAt !== undefined && hearing.goneAt === Infinity) hearing.goneAt = this.#step;
      if (hearing.stoppedAt === undefined && !hearing.isReady) this.#findings.push(`${String(hearing)} is not ready`);
      const faults = [...safetyFaults(hearing, this.#emissions), ...livenessFaults(hearing, this.#emissions)];
      this.#findings.push(...faults.map((fault) => `${String(hearing)}: ${fault}`));
      for (const from of this.#world.buses.keys()) if (!hearing.known.has(from)) hearing.known.set(from, this.#step);
    }
    this.#findings.push(...this.#requests.safetyFaults());
    // A road that doubles or reorders makes frames of an honest peer look wrong; what they say may not be.
    const mistakes = /TypeError|RangeError|ReferenceError|PROTOCOL (?!.*Cannot read a frame)|WRONG_DIRECTION|INVALID/;
    this.#findings.push(...this.#world.faults.filter((fault) => mistakes.test(fault)));
  }

  /** Everything is given back: subscriptions, requests, then the buses themselves. */
  async #end(): Promise<void> {
    const world = this.#world;
    await world.pass(101_000);
    this.#findings.push(...this.#requests.openFaults());
    for (const each of this.#hearings) if (each.hearing.stoppedAt === undefined) this.#stop(each);
    await this.#calm();
    for (const [at, bus] of world.buses) {
      const { listeners, deadlines, parkedRequests, links } = bus.inspect();
      this.#empty(at, { listeners, deadlines, parkedRequests });
      for (const { hears, openRequests, servedRequests, waiting } of links) {
        this.#empty(at, { hears: hears.length, openRequests, servedRequests, waiting });
      }
    }
    for (const bus of world.buses.values()) await bus.close();
    await world.move();
    for (const [at, bus] of world.buses) {
      const { listeners, handlers, links } = bus.inspect();
      this.#empty(at, { listeners, handlers: handlers.length, links: links.length });
    }
    this.#empty("all", { timers: world.clock.pendingTimers });
    this.#findings.push(...this.#requests.runFaults());
  }

  #empty(at: string, counts: Readonly<Record<string, number>>): void {
    for (const [what, count] of Object.entries(counts)) {
      if (count !== 0) this.#findings.push(`${at} keeps ${count} ${what}`);
    }
  }
}
