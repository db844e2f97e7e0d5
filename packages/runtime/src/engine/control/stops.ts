import type { StopInfo } from "../../contract.ts";
import { RuntimeError } from "../../errors.ts";
import type { Attempt } from "../run/attempt.ts";
import type { Scope } from "../run/scope.ts";
import type { Recorder } from "../told/recorder.ts";
import type { StopValues } from "./breakpoints.ts";

/** An instance that stands still until somebody resumes it. */
export interface Stop {
  readonly info: StopInfo;
  readonly at: "before" | "after" | "error" | "edge";
  readonly scope: Scope;
  readonly node: number;
  /** Undefined at an edge: nothing of the instance has begun. */
  readonly attempt: Attempt | undefined;
  readonly values: StopValues;
  /** Puts an edited value in place of what was there; throws `RuntimeError` where that cannot be. */
  readonly override: (port: string, value: unknown) => void;
  /** Goes on where it stands. Called once. */
  readonly go: () => void;
}

/** The open stops of one execution. Each is told when it opens, with its values, and when it is over. */
export class Stops {
  readonly #open = new Map<string, Stop>();
  readonly #recorder: Recorder;
  #given: number;

  /** `given`: number of the last stop that another host has told. */
  constructor(recorder: Recorder, given: number) {
    this.#recorder = recorder;
    this.#given = given;
  }

  get size(): number {
    return this.#open.size;
  }

  /** `stopId`: of one that another host has told already. */
  open(stop: Omit<Stop, "info">, about: Omit<StopInfo, "stopId">, stopId?: string): Stop {
    const opened: Stop = { ...stop, info: { stopId: stopId ?? `stop-${++this.#given}`, ...about } };
    this.#open.set(opened.info.stopId, opened);
    this.#recorder.stops(this.list());
    return opened;
  }

  /** Last: whoever hears of it may resume, or cancel. */
  tell({ info, values }: Stop): void {
    this.#recorder.stopped(info, namedValues(values));
  }

  /** Its values were edited. */
  edited({ info, values }: Stop): void {
    this.#recorder.inspected(info, namedValues(values));
  }

  /** The stop is over; `go` is left to the caller. */
  close(stop: Stop): void {
    if (!this.#open.delete(stop.info.stopId)) return;
    this.#recorder.stops(this.list());
    this.#recorder.cleared(stop.info);
  }

  list(): StopInfo[] {
    return Array.from(this.#open.values(), ({ info }) => info);
  }

  all(): Stop[] {
    return [...this.#open.values()];
  }

  last(): Stop | undefined {
    return this.all().at(-1);
  }

  find(stopId: string): Stop | undefined {
    return this.#open.get(stopId);
  }

  /** Throws `E_STATE` when it is over, or never was. */
  get(stopId: string): Stop {
    const stop = this.#open.get(stopId);
    if (stop) return stop;
    const open = [...this.#open.keys()].join(", ") || "none";
    throw new RuntimeError(
      "E_STATE",
      `Cannot find the stop "${stopId}": it is ${this.wasGiven(stopId) ? "over" : "unknown"}; open now: ${open}`,
      { stopId },
    );
  }

  wasGiven(stopId: string): boolean {
    const number = Number(/^stop-(\d+)$/.exec(stopId)?.[1]);
    return number >= 1 && number <= this.#given;
  }
}

/** `in.rows`, `out.file`, `config`, `error`. */
export function namedValues({ in: inputs, config, out, error }: StopValues): Record<string, unknown> {
  const named: Record<string, unknown> = {};
  for (const [port, value] of Object.entries(inputs)) named[`in.${port}`] = value;
  if (config !== undefined) named["config"] = config;
  for (const [port, value] of Object.entries(out ?? {})) named[`out.${port}`] = value;
  if (error !== undefined) named["error"] = error;
  return named;
}
