import { compiledCodec } from "../../src/codec/compiled-codec.ts";
import { deflate } from "../../src/codec/deflate-node.ts";
import { EventBus, ringJournal, type BusOptions, type EventsError, type Link } from "../../src/index.ts";
import { fakeClock, faultyLink, seededRandom, type FaultyLink } from "../../src/testing/index.ts";
import { contract } from "./contract.ts";
import type { At, Coding, Script } from "./script.ts";

type AnyBus = EventBus<Record<string, any>, Record<string, { input: any; reply: any }>>;

const CODECS = [compiledCodec(contract)];
const LOOPS = [compiledCodec(contract, { generate: false })];
/** Short frames too: those of the scripts are. */
const COMPRESSION = deflate({ minBytes: 64 });

function handed(coding: Coding, role: At): BusOptions {
  if (coding === "plain" || (coding === "mixed" && role === "b")) return {};
  if (coding === "mixed" && role === "a") return { codecs: LOOPS };
  return coding === "codec" ? { codecs: CODECS } : { codecs: CODECS, compression: COMPRESSION };
}

/** Pages `a` and `b` dial `host` over roads that break, on one clock that the script moves. */
export class World {
  readonly clock = fakeClock({ manualTicks: true });
  readonly roads: FaultyLink[] = [];
  readonly buses: ReadonlyMap<At, AnyBus>;
  readonly faults: string[] = [];
  /** At the dialling ends, as the roads. */
  readonly links: Link[] = [];
  /** How often the link of a page was anything but open. */
  readonly #breaks = new Map<At, number>();

  constructor({ buses, medium, seed, coding }: Script) {
    const random = seededRandom(seed);
    const make = (role: At): AnyBus =>
      new EventBus({
        contract,
        role,
        ...handed(coding, role),
        clock: this.clock,
        random,
        journal: ringJournal({ clock: this.clock }),
        onError: (fault) => this.faults.push(`${role}: ${(fault as EventsError).code ?? ""} ${String(fault)}`),
      }) as unknown as AnyBus;
    const pages: readonly At[] = buses === 3 ? ["a", "b"] : ["a"];
    this.buses = new Map([...pages, "host" as const].map((role) => [role, make(role)]));
    for (const [index, page] of pages.entries()) {
      const accept = (transport: Parameters<AnyBus["connect"]>[0]): void =>
        this.#watch(page, this.bus("host").connect(transport));
      this.roads.push(faultyLink({ seed: seed + index, medium, accept }));
      this.dial(page, index);
    }
  }

  bus(at: At): AnyBus {
    return this.buses.get(at)!;
  }

  dial(page: At, index: number): void {
    const link = this.bus(page).connect(this.roads[index]!.dialer);
    this.links[index] = link;
    this.#watch(page, link);
  }

  #watch(page: At, link: Link): void {
    link.onState(({ at }) => {
      if (at !== "open") this.#breaks.set(page, (this.#breaks.get(page) ?? 0) + 1);
    });
  }

  /** Stays the same as long as no link between the two was away; undefined while one is. */
  wayBetween(one: At, other: At): number | undefined {
    const pages = [one, other].filter((at) => at !== "host");
    if (!pages.every((page) => this.buses.has(page))) return undefined;
    if (pages.some((page) => !this.isOpen(page, "host") || !this.isOpen("host", page))) return undefined;
    return pages.reduce((sum, page) => sum + (this.#breaks.get(page) ?? 0), 0);
  }

  /** Is there a connection from one bus to the next right now, as the sending one sees it? */
  isOpen(from: At, to: At): boolean {
    if (from !== "host") return this.links[from === "a" ? 0 : 1]?.state.at === "open";
    return this.bus("host")
      .inspect()
      .links.some((link) => link.peer?.role === to && link.state.at === "open");
  }

  /** Ends ticks and lets frames cross, as long as that moves anything; promises settle in between. */
  async move(frames: number = Infinity): Promise<void> {
    for (let left = frames; ;) {
      let moved = this.clock.endTick();
      for (const road of this.roads) {
        const crossed = left > 0 ? road.flush(Math.min(left, 1_000)) : 0;
        left -= crossed;
        moved += crossed;
      }
      // A reply passes a handler's promise, the request's and the script's own.
      for (let turn = 0; turn < 6; turn++) await Promise.resolve();
      if (moved === 0) return;
    }
  }

  async pass(ms: number): Promise<void> {
    const most = ms > 5_000 ? 1_000 : 100;
    for (let left = ms; left > 0; left -= most) {
      this.clock.advance(Math.min(most, left));
      await this.move();
    }
  }

  /** Mends the roads, then lets time pass until everything that was queued is acknowledged everywhere. */
  async calm(): Promise<string | undefined> {
    for (const road of this.roads) {
      road.setFaults({});
      road.setDown(false);
      road.flow();
    }
    await this.move();
    // Longer than the longest of: handshake, silence, session window, backoff.
    for (let second = 0; second < 200 && !this.#isJoined(); second++) await this.pass(1_000);
    if (!this.#isJoined())
      return `the links did not come back: ${JSON.stringify(this.links.map((link) => link.state))}`;
    await this.pass(300);
    // Twice: what the first has brought to the bus in the middle goes on to the next.
    for (let round = 0; round < 2; round++) {
      let isDone = false;
      const flushed = Promise.all([...this.buses.values()].map((bus) => bus.flush())).then(
        () => (isDone = true),
        (fault: unknown) => this.faults.push(`flush: TypeError ${String(fault)}`),
      );
      for (let second = 0; second < 100 && !isDone; second++) await this.pass(second === 0 ? 1 : 1_000);
      if (!isDone) return "what was queued is not acknowledged";
      await flushed;
    }
    await this.pass(300);
    return undefined;
  }

  /** Every page is linked, and the host knows no older link of it. */
  #isJoined(): boolean {
    const { links } = this.bus("host").inspect();
    return (
      links.length === this.links.length &&
      [...links, ...this.links].every(({ state }) => state.at === "open") &&
      this.roads.every((road) => road.waiting === 0)
    );
  }
}
