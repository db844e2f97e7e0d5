import type { Clock } from "@atomiton/events";

import type { RuntimeBus } from "../contract.ts";

/** How soon a lost host is noticed. */
const EVERY_MS = 1_000;

/**
 * Tells those who wait for a host when no answer can come any more: every link is closed for good, or another session
 * with a host that knows nothing of the old one has taken its place. Looks only while somebody waits.
 */
export class LinkWatch {
  readonly #bus: RuntimeBus;
  readonly #clock: Pick<Clock, "after">;
  readonly #waiting = new Map<object, { lost: (why: string) => void; renewed: () => void }>();
  #cancel: (() => void) | undefined;
  /** When the open links were opened: a new time without a resume is a new session. */
  #since = "";

  constructor(bus: RuntimeBus, clock: Pick<Clock, "after">) {
    this.#bus = bus;
    this.#clock = clock;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** `lost` at most once; `renewed` each time a new session begins. Returns the function that ends the wait. */
  wait(lost: (why: string) => void, renewed: () => void): () => void {
    const key = {};
    if (this.#waiting.size === 0) this.#since = this.#look().since;
    this.#waiting.set(key, { lost, renewed });
    this.#schedule();
    return () => {
      this.#waiting.delete(key);
      if (this.#waiting.size > 0) return;
      this.#cancel?.();
      this.#cancel = undefined;
    };
  }

  #schedule(): void {
    this.#cancel ??= this.#clock.after(EVERY_MS, () => {
      this.#cancel = undefined;
      this.#check();
      if (this.#waiting.size > 0) this.#schedule();
    });
  }

  #check(): void {
    const { dead, since } = this.#look();
    if (dead !== undefined) {
      for (const [key, { lost }] of this.#waiting) {
        this.#waiting.delete(key);
        lost(dead);
      }
      return;
    }
    const isNew = since !== "" && this.#since !== "" && since !== this.#since;
    if (since !== "") this.#since = since;
    if (isNew) for (const { renewed } of this.#waiting.values()) renewed();
  }

  #look(): { dead: string | undefined; since: string } {
    const { handlers, links } = this.#bus.inspect();
    // The host serves this very bus.
    if (handlers.includes("runtime:execute")) return { dead: undefined, since: "" };
    const open = links.flatMap(({ state }) => (state.at === "open" ? [state] : []));
    const alive = links.some(({ state }) => state.at !== "closed");
    const closed = links.flatMap(({ state }) => (state.at === "closed" ? [state.why.message] : []));
    return {
      dead: alive ? undefined : (closed.at(-1) ?? "no host is connected"),
      since: open
        .filter((state) => !state.resumed)
        .map((state) => state.since)
        .join(),
    };
  }
}
