import type { BusOptions } from "../../src/index.ts";
import { fakeClock, faultyLink, seededRandom, type FaultyLink } from "../../src/testing/index.ts";
import { make, type Bus } from "../bus/join.ts";

export interface Chain {
  readonly clock: ReturnType<typeof fakeClock>;
  readonly options: BusOptions;
  readonly worker: Bus;
  readonly host: Bus;
  readonly ui: Bus;
  /** Worker to host, page to host. */
  readonly roads: { readonly worker: FaultyLink; readonly ui: FaultyLink };
  readonly settle: () => Promise<void>;
  readonly pass: (ms: number) => Promise<void>;
}

/** A worker and a page that dial a host over roads that break when the test says so: two hops from end to end. */
export async function chain(over: { worker?: BusOptions; host?: BusOptions } = {}): Promise<Chain> {
  const clock = fakeClock();
  const options = { clock, random: seededRandom(7) };
  const worker = make("worker", { ...options, ...over.worker });
  const host = make("host", { ...options, ...over.host });
  const ui = make("ui", options);
  const accept = (routes: boolean) =>
    faultyLink({
      accept: (transport) => void host.connect(transport, { peer: { routes } }).ready.catch(() => undefined),
    });
  const roads = { worker: accept(true), ui: accept(false) };
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 40; turn++) {
      await Promise.resolve();
      roads.worker.flush();
      roads.ui.flush();
    }
  };
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 500) {
      clock.advance(Math.min(500, left));
      await settle();
    }
  };
  const links = [worker.connect(roads.worker.dialer), ui.connect(roads.ui.dialer)];
  await settle();
  await Promise.all(links.map((link) => link.ready));
  return { clock, options, worker, host, ui, roads, settle, pass };
}
