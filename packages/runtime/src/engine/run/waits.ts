/** Instances that wait for a person or a time. Each wait ends once: by its answer, its time, or its execution's end. */
import { createHash } from "node:crypto";

import type { Clock } from "@atomiton/events";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";

import type { Wait } from "../../blueprint/define-node.ts";
import type { WaitInfo } from "../../contract.ts";
import { NodeError, RuntimeError } from "../../errors.ts";
import { alarm } from "../alarm.ts";
import type { Recorder } from "../told/recorder.ts";
import { pathOf, type Scope } from "./scope.ts";

/** Characters of a path in an id. */
const PATH_LIMIT = 160;
/** Ended waits that are still known as such. */
const KEPT = 1_000;

/** A wait whose end does not depend on when it began. */
export type AbsoluteWait = Omit<Wait<unknown>, "timeoutMs">;

interface Open {
  readonly info: WaitInfo;
  readonly validate: ValidateFunction | undefined;
  readonly done: (value: unknown) => void;
  readonly takeBack: (() => void) | undefined;
}

export class Waits {
  readonly #open = new Map<string, Open>();
  /** How waits ended. */
  readonly #over = new Map<string, string>();
  readonly #ids = new WeakMap<Scope, Map<number, string>>();
  readonly #counts = new WeakMap<Scope, Map<number, number>>();
  readonly #clock: Clock;
  readonly #recorder: Recorder;

  constructor(clock: Clock, recorder: Recorder) {
    this.#clock = clock;
    this.#recorder = recorder;
  }

  get size(): number {
    return this.#open.size;
  }

  list(): WaitInfo[] {
    return Array.from(this.#open.values(), ({ info }) => info);
  }

  /**
   * `done` is called once, with the answer, or with nothing when the time has come. Returns which wait of the instance it
   * is; `nth` says so of one that another host had opened. Throws `NodeError` where it cannot wait.
   */
  open(scope: Scope, node: number, wait: AbsoluteWait, done: (value: unknown) => void, nth?: number): number {
    const { $wait: what, timeoutAt } = wait;
    const path = pathOf(scope, node);
    const { waitId, count } = this.#idOf(scope, node, path, nth);
    const validate = what.for === "input" ? compileSchema(what.schema, path) : undefined;
    const until = what.for === "time" ? (what.until ?? timeoutAt) : timeoutAt;
    const end = (how: string, value: unknown): void => {
      this.#close(waitId, how);
      done(value);
    };
    const info: WaitInfo = {
      waitId,
      path,
      for: what.for,
      ...(what.for === "input" && what.prompt !== undefined ? { prompt: what.prompt } : {}),
      ...(what.for === "input" ? { schema: what.schema } : {}),
      ...(what.for === "event" ? { subject: what.subject } : {}),
      ...(until === undefined ? {} : { until }),
    };
    const takeBack =
      until === undefined
        ? undefined
        : alarm(this.#clock, until, () => end("its time was over", undefined), {
            isSpan: what.for !== "time" || what.until === undefined,
          });
    this.#open.set(waitId, { info, validate, done: (value) => end("it was answered", value), takeBack });
    this.#recorder.waits(() => this.list());
    return count;
  }

  /** The answer of whoever came first. Throws `E_STATE` where nobody waits (any more), `INVALID_INPUT` where it does not fit. */
  answer(waitId: string, value: unknown): void {
    const open = this.#open.get(waitId);
    if (!open || open.info.for !== "input") {
      const waiting = this.list().flatMap((info) => (info.for === "input" ? [info.waitId] : []));
      throw new RuntimeError(
        "E_STATE",
        `Cannot answer "${waitId}": ${open ? `it waits for ${open.info.for === "time" ? "a time" : "an event"}, not for an answer` : (this.#over.get(waitId) ?? "nothing waits under this id")}; waiting now: ${waiting.join(", ") || "nothing"}`,
        { waitId, waiting },
      );
    }
    const { validate, done } = open;
    if (validate && !validate(value)) {
      const faults = (validate.errors ?? [])
        .slice(0, 3)
        .map(({ instancePath, message }) => `${instancePath} ${message}`.trim());
      throw new RuntimeError(
        "INVALID_INPUT",
        `Cannot answer "${waitId}": the answer ${faults.join("; ")}; it still waits for one that fits its schema`,
        { waitId, schema: open.info.schema },
      );
    }
    done(value);
  }

  /** An event of this subject has come: how many waited for it. */
  happened(subject: string, value: unknown): number {
    const waiting = [...this.#open.values()].filter(({ info }) => info.for === "event" && info.subject === subject);
    for (const { done } of waiting) done(value);
    return waiting.length;
  }

  /** The instance waits no more: it was cancelled. */
  drop(scope: Scope, node: number): void {
    const waitId = this.#ids.get(scope)?.get(node);
    if (waitId !== undefined && this.#open.has(waitId)) this.#close(waitId, "it was cancelled");
  }

  #close(waitId: string, how: string): void {
    this.#open.get(waitId)?.takeBack?.();
    this.#open.delete(waitId);
    this.#over.set(waitId, how);
    if (this.#over.size > KEPT) this.#over.delete(this.#over.keys().next().value!);
    this.#recorder.waits(() => this.list());
  }

  /** The same again when the instance runs anew in another host: its path, and which of its waits this is. */
  #idOf(scope: Scope, node: number, path: string, nth?: number): { waitId: string; count: number } {
    const counts = this.#counts.get(scope) ?? new Map<number, number>();
    this.#counts.set(scope, counts);
    const count = nth ?? (counts.get(node) ?? 0) + 1;
    counts.set(node, count);
    const short =
      path.length <= PATH_LIMIT
        ? path
        : `${path.slice(0, PATH_LIMIT)}…${createHash("sha256").update(path).digest("hex").slice(0, 16)}`;
    const waitId = `${short}~${count}`;
    const ids = this.#ids.get(scope) ?? new Map<number, string>();
    this.#ids.set(scope, ids);
    ids.set(node, waitId);
    return { waitId, count };
  }
}

const ajv = new Ajv2020({ strict: false, allErrors: true, logger: false, validateFormats: false });

function compileSchema(schema: unknown, path: string): ValidateFunction | undefined {
  if (schema === undefined || schema === true) return undefined;
  try {
    return ajv.compile(schema as object);
  } catch (error) {
    throw new NodeError(
      `Cannot let "${path}" wait for input: its schema is none: ${(error as Error).message}; write JSON Schema`,
      {
        code: "CONFIG",
        class: "config",
        retryable: false,
      },
    );
  } finally {
    if (typeof schema === "object" && schema !== null) ajv.removeSchema(schema);
  }
}
