import { EventBus, type Gap, type Link, type Meta } from "../../src/index.ts";
import { fakeClock, faultyLink, seededRandom, type FaultyLink } from "../../src/testing/index.ts";
import { table } from "./fixtures/table.ts";

/** A host, and pages that dial it over roads that the test breaks; all on one clock. */
export function pages(count = 1) {
  const clock = fakeClock({ manualTicks: true });
  const faults: string[] = [];
  const onError = (fault: unknown): void => void faults.push(String(fault));
  const make = (role: string) => new EventBus({ contract: table, role, clock, onError, random: seededRandom(3) });
  const host = make("host");
  const all: { ui: ReturnType<typeof make>; road: FaultyLink; link: Link }[] = [];
  for (let i = 0; i < count; i++) {
    const ui = new EventBus({ contract: table, role: "ui", clock, onError, random: seededRandom(100 + i) });
    const road = faultyLink({ seed: i, accept: (transport) => void host.connect(transport) });
    all.push({ ui, road, link: ui.connect(road.dialer) });
  }
  const settle = async (): Promise<void> => {
    for (let moved = 1; moved > 0;) {
      moved = clock.endTick();
      for (const { road } of all) moved += road.flush();
      for (let turn = 0; turn < 6; turn++) await Promise.resolve();
    }
  };
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 500) {
      clock.advance(Math.min(500, left));
      await settle();
    }
  };
  return { clock, host, all, faults, settle, pass };
}

/** What a subscription is given, gaps in their place. */
export function transcript() {
  const heard: (number | "gap")[] = [];
  const gaps: Gap[] = [];
  const hear = ({ n }: { n: number }, _meta?: Meta): void => void heard.push(n);
  const onGap = (gap: Gap): void => {
    heard.push("gap");
    gaps.push(gap);
  };
  return { heard, gaps, hear, onGap };
}
