import { memoryPair } from "../transports/memory.ts";
import type { Transport } from "../wire/transport.ts";
import type { FakeClock } from "./fake-clock.ts";

/** A bus, as far as joining two of them needs it. */
export interface Connectable<Policy, Link> {
  connect(transport: Transport, policy?: Policy): Link;
}

export interface JoinedBuses<LinkA, LinkB> {
  /** The link at the first bus, and at the second. */
  readonly links: readonly [LinkA, LinkB];
  /** Ends ticks and lets frames cross until nothing moves. Returns how many frames crossed. */
  flush(): number;
  /** Frames that wait. */
  readonly waiting: number;
}

/**
 * Joins two buses in one process over a road that waits for `flush()`. Both buses take the same clock, made with
 * `fakeClock({ manualTicks: true })`: then nothing happens that the test did not ask for.
 *
 * @example
 * const clock = fakeClock({ manualTicks: true });
 * const host = new EventBus({ contract, role: "host", clock });
 * const page = new EventBus({ contract, role: "ui", clock });
 * const { flush } = joinBuses(host, page, clock);
 * flush();
 */
export function joinBuses<PolicyA, LinkA, PolicyB, LinkB>(
  first: Connectable<PolicyA, LinkA>,
  second: Connectable<PolicyB, LinkB>,
  clock: FakeClock,
  policies: { readonly first?: PolicyA; readonly second?: PolicyB } = {},
): JoinedBuses<LinkA, LinkB> {
  const pair = memoryPair({ manual: true });
  return {
    links: [first.connect(pair[0], policies.first), second.connect(pair[1], policies.second)],
    flush() {
      let crossed = 0;
      for (let moved = 1; moved > 0;) {
        const ticks = clock.endTick();
        const frames = pair.flush();
        crossed += frames;
        moved = ticks + frames;
      }
      return crossed;
    },
    get waiting() {
      return pair.waiting;
    },
  };
}
