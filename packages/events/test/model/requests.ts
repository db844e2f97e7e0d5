import type { EventsError, HandlerContext } from "../../src/index.ts";
import type { Asked } from "./contract.ts";
import type { At } from "./script.ts";
import type { World } from "./world.ts";

/** One request, and how it ended. */
interface Request {
  readonly id: number;
  readonly at: At;
  readonly name: string;
  readonly kind: string;
  /** One run is due for each of these. */
  readonly key: string;
  readonly askedAt: number;
  readonly timeoutMs: number;
  readonly controller: AbortController;
  /** What must answer is there, and known to be. */
  readonly isSure: boolean;
  /** Of the way to whoever answers. */
  readonly way: number | undefined;
  wayAtEnd: number | undefined;
  outcome: string | undefined;
  endedAt: number;
}

interface Run {
  readonly id: number;
  readonly signal: AbortSignal;
  readonly at: number;
  isOver: boolean;
}

/** How long an answered key is remembered. */
const KEY_WINDOW_MS = 600_000;

/** S6: what is asked, what runs, and how it ends. */
export class Requests {
  readonly #world: World;
  readonly #all: Request[] = [];
  readonly #runs = new Map<string, Run[]>();

  constructor(world: World) {
    this.#world = world;
    for (const [at, bus] of world.buses) {
      if (at === "host") for (const name of ["do:ask", "do:sure"]) bus.handle(name, this.#handler(name));
      if (at === "b") bus.handle("do:far", this.#handler("do:far"));
    }
  }

  /** `isSure`: no link has been away since everything was known everywhere. */
  ask(at: At, name: string, kind: string, timeoutMs: number, shared: number | undefined, isSure: boolean): void {
    const id = this.#all.length;
    const controller = new AbortController();
    const key = `${at} ${name} ${shared === undefined ? `own ${id}` : `shared ${shared}`}`;
    // Who shares a key asks for the same.
    const first = this.#all.find((each) => each.key === key) ?? { id, kind };
    const { clock } = this.#world;
    const to = name === "do:far" ? "b" : "host";
    const way = (): number | undefined => this.#world.wayBetween(at, to);
    const request: Request = {
      id,
      at,
      name,
      kind: first.kind,
      key,
      askedAt: clock.monotonic(),
      timeoutMs,
      controller,
      isSure,
      way: way(),
      outcome: undefined,
      wayAtEnd: undefined,
      endedAt: 0,
    };
    this.#all.push(request);
    const end = (outcome: string): void => {
      request.outcome = request.outcome === undefined ? outcome : `${request.outcome} and ${outcome}`;
      request.endedAt = clock.monotonic();
      request.wayAtEnd = way();
    };
    // To whoever handles it, to one of its role, to that bus: the same one here, whichever way it is named.
    const handles = this.#world.buses.get(to);
    const address = [undefined, { role: to }, handles && { busId: handles.id }][id % 3];
    const options = {
      ...(address && { to: address }),
      timeoutMs,
      signal: controller.signal,
      ...(shared === undefined ? {} : { key: `shared ${shared}` }),
    };
    const input: Asked = { id: first.id, kind: first.kind, ms: 1_000 };
    this.#world
      .bus(at)
      .request(name, input, options)
      .then(
        (reply: { id: number }) => end(reply.id === first.id ? "value" : `the reply of another: ${reply.id}`),
        (fault: EventsError) => end(fault.code),
      );
  }

  cancel(which: number): void {
    this.#all[which % Math.max(1, this.#all.length)]?.controller.abort();
  }

  #handler(name: string) {
    return (input: Asked, { signal, origin }: HandlerContext): unknown => {
      const at = origin.role as At;
      const asked = this.#all.find((each) => each.id === input.id);
      const key = asked?.key ?? `${at} ${name} never asked`;
      const run: Run = { id: input.id, signal, at: this.#world.clock.monotonic(), isOver: false };
      this.#runs.set(key, [...(this.#runs.get(key) ?? []), run]);
      const { kind, id, ms } = input;
      if (kind === "value" || kind === "error") run.isOver = true;
      if (kind === "error") throw new Error("it fails");
      if (kind === "value") return { id };
      return new Promise((resolve) => {
        if (kind !== "slow") return;
        const cancel = this.#world.clock.after(ms, () => {
          run.isOver = true;
          resolve({ id });
        });
        signal.addEventListener("abort", cancel, { once: true });
      });
    };
  }

  safetyFaults(): string[] {
    const faults: string[] = [];
    for (const [key, runs] of this.#runs) {
      const isTwice = runs.some((run, i) => i > 0 && run.at - runs[i - 1]!.at < KEY_WINDOW_MS);
      if (isTwice) faults.push(`${key} ran ${runs.length} times`);
    }
    for (const request of this.#all) {
      const { outcome, kind, name, at, controller, endedAt, askedAt, timeoutMs, isSure, way, wayAtEnd } = request;
      if (outcome === undefined) continue;
      const hasRun = this.#runs.has(request.key);
      const isAllowed =
        (outcome === "value" && hasRun && (kind === "value" || kind === "slow")) ||
        (outcome === "HANDLER_FAILED" && hasRun && kind === "error") ||
        (outcome === "CANCELLED" && controller.signal.aborted) ||
        (outcome === "TIMEOUT" && endedAt - askedAt >= timeoutMs) ||
        // Nobody at the other end, or not any more.
        ((outcome === "NO_HANDLER" || outcome === "NO_PEER") && !isSure) ||
        (outcome === "WRONG_DIRECTION" && name === "do:far" && at === "b") ||
        (outcome === "OUTCOME_UNKNOWN" && (way === undefined || way !== wayAtEnd));
      if (!isAllowed) faults.push(`request ${request.id} (${name}, ${kind}) of ${at} ended as ${outcome}`);
    }
    return faults;
  }

  /** When every deadline is over. */
  openFaults(): string[] {
    return this.#all
      .filter(({ outcome }) => outcome === undefined)
      .map(({ id, name }) => `request ${id} (${name}) never ended`);
  }

  /** When every bus is closed: nothing runs that nobody can stop. */
  runFaults(): string[] {
    return [...this.#runs].flatMap(([key, runs]) =>
      runs.filter((run) => !run.isOver && !run.signal.aborted).map(() => `${key} runs on, and was not told to stop`),
    );
  }
}
