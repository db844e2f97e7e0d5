import type { IEventBus, Meta, OnOptions, RequestOptions } from "../bus/event-bus.ts";
import { Emitter, newLine } from "../core/emitter.ts";
import { EventsError } from "../core/errors.ts";
import { compileWhere, fits } from "../core/topic.ts";
import { fakeClock, type FakeClock } from "./fake-clock.ts";

/** One emit or request, as the code under test made it. */
export interface Recorded {
  readonly kind: "emit" | "request";
  readonly name: string;
  readonly data: any;
  /** Time on the mock's clock, in milliseconds. */
  readonly at: number;
}

/**
 * A bus for unit tests: records what is emitted and requested, plays peers with `receive` and `answer`, and holds the
 * clock. It links to nothing and checks no contract; for those, join two real buses with `memoryPair()`.
 *
 * @example
 * const bus = new MockEventBus();
 * bus.answer("runtime:execute", () => ({ executionId: "1" }));
 * const client = new RuntimeClient(bus);
 * await client.executeBlueprint("b");
 * expect(bus.emitted("runtime:execute")).toEqual([{ blueprintId: "b" }]);
 */
export class MockEventBus implements IEventBus {
  /** Hand it to the code under test, and move it with `advance`. */
  readonly clock: FakeClock = fakeClock();
  /** Everything, in order. */
  readonly recorded: Recorded[] = [];
  /** Faults of listeners. */
  readonly faults: unknown[] = [];
  readonly #emitter: Emitter<Meta> = new Emitter<Meta>((fault) => this.faults.push(fault));
  readonly #stops: Map<string, { hear: unknown; stop: () => void }[]> = new Map<
    string,
    { hear: unknown; stop: () => void }[]
  >();
  readonly #answers: Map<string, (input: any, context: any) => unknown> = new Map<
    string,
    (input: any, context: any) => unknown
  >();
  #isClosed: boolean = false;

  /** Payloads of what was emitted under `name`, in order. */
  emitted(name: string): any[] {
    return this.recorded.filter((each) => each.kind === "emit" && each.name === name).map(({ data }) => data);
  }

  /** Inputs of what was requested under `name`, in order. */
  requested(name: string): any[] {
    return this.recorded.filter((each) => each.kind === "request" && each.name === name).map(({ data }) => data);
  }

  /** Plays a message of a peer: listeners hear it, and nothing is recorded. */
  receive(name: string, data: unknown, meta: Partial<Meta> = {}): void {
    this.#emitter.dispatch(newLine(name), data, { name, origin: PEER, ...meta });
  }

  /** Plays the handler of command `name`. A second one takes the first one's place. */
  answer(name: string, reply: (input: any, context: any) => unknown): void {
    this.#answers.set(name, reply);
  }

  /** Lets `ms` pass on `clock`. */
  advance(ms: number): void {
    this.clock.advance(ms);
  }

  emit(name: string, data: any): void {
    this.#assertOpen("emit", name);
    this.#record("emit", name, data);
    this.#emitter.dispatch(newLine(name), data, { name, origin: SELF });
  }

  batch(items: readonly { type: string; data: any }[]): void {
    for (const { type, data } of items) this.emit(type, data);
  }

  on(name: string, hear: (data: any, meta: any) => unknown, options: OnOptions = {}): () => void {
    this.#assertOpen("hear", name);
    const match = compileWhere(options.where);
    const listener = {
      pattern: name,
      active: true,
      order: 0,
      hear: (data: unknown, meta: Meta): unknown => {
        if (!fits(match, data)) return undefined;
        if (options.once === true) stop();
        return hear(data, meta);
      },
    };
    const stop = (): void => {
      this.#emitter.remove(listener);
      options.signal?.removeEventListener("abort", stop);
    };
    if (options.signal?.aborted === true) return stop;
    this.#emitter.add(listener);
    this.#stops.set(name, [...(this.#stops.get(name) ?? []), { hear, stop }]);
    options.signal?.addEventListener("abort", stop, { once: true });
    return stop;
  }

  once(name: string, hear: (data: any, meta: any) => unknown, options: OnOptions = {}): () => void {
    return this.on(name, hear, { ...options, once: true });
  }

  off(name: string, hear: (data: any, meta: any) => unknown): void {
    const all = this.#stops.get(name) ?? [];
    for (const each of all) if (each.hear === hear) each.stop();
    this.#stops.set(
      name,
      all.filter((each) => each.hear !== hear),
    );
  }

  async request(name: string, input: any, options: RequestOptions = {}): Promise<any> {
    this.#assertOpen("request", name);
    this.#record("request", name, input);
    const reply = this.#answers.get(name);
    if (reply === undefined) {
      throw new EventsError("NO_HANDLER", `Cannot complete "${name}": nobody handles it; call answer("${name}", …)`, {
        name,
      });
    }
    const signal = options.signal ?? new AbortController().signal;
    return await reply(input, { origin: SELF, signal, progress: (data: unknown) => options.onProgress?.(data) });
  }

  handle(name: string, reply: (input: any, context: any) => unknown): () => void {
    this.#assertOpen("handle", name);
    if (this.#answers.has(name))
      throw new EventsError("HANDLER_EXISTS", `Cannot handle "${name}": it has a handler`, { name });
    this.#answers.set(name, reply);
    return () => {
      if (this.#answers.get(name) === reply) this.#answers.delete(name);
    };
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#emitter.clear();
    this.#stops.clear();
    return Promise.resolve();
  }

  #record(kind: Recorded["kind"], name: string, data: unknown): void {
    this.recorded.push({ kind, name, data, at: this.clock.monotonic() });
  }

  #assertOpen(action: string, name: string): void {
    if (this.#isClosed) throw new EventsError("CLOSED", `Cannot ${action} "${name}": the bus was closed`, { name });
  }
}

const SELF = Object.freeze({ busId: "mock", role: "mock" });
const PEER = Object.freeze({ busId: "peer", role: "peer" });
