/** The outputs that a client is told which comes late: the latest of each port, of loops' bodies the last ones. */
import type { RuntimeOutput } from "../../contract.ts";
import type { Scope } from "../run/scope.ts";
import { Ring } from "./ring.ts";
import { isInLoop } from "./snapshot.ts";

/** Outputs outside of loops, by path and port. */
const OUTPUTS_KEPT = 2_000;
const LOOP_OUTPUTS_KEPT = 200;

export interface KeptOutput {
  readonly seq: number;
  readonly ts: number;
  readonly path: string;
  readonly attempt: number;
  readonly port: string;
  readonly items: number | undefined;
  /** Whole while the execution runs; then only the event is left. */
  value: unknown;
  readonly via: RuntimeOutput["via"];
  event: RuntimeOutput | undefined;
}

export class KeptOutputs {
  readonly #outputs = new Map<string, KeptOutput>();
  readonly #loopOutputs = new Ring<KeptOutput>(LOOP_OUTPUTS_KEPT);

  keep(scope: Scope, kept: KeptOutput): void {
    const key = keyOf(kept.path, kept.port);
    // Outside of loops, while there is room; a scope that opens again takes its outputs' old places.
    const hasPlace =
      !isInLoop(scope) && (this.#outputs.size < OUTPUTS_KEPT || (scope.parent !== undefined && this.#outputs.has(key)));
    if (hasPlace) this.#outputs.set(key, kept);
    else this.#loopOutputs.push(kept);
  }

  find(path: string, port: string): KeptOutput | undefined {
    const isIt = (kept: KeptOutput): boolean => kept.path === path && kept.port === port;
    return this.#outputs.get(keyOf(path, port)) ?? this.#loopOutputs.list().findLast(isIt);
  }

  /** In the order in which they were told. */
  list(): KeptOutput[] {
    return [...this.#outputs.values(), ...this.#loopOutputs.list()].sort((a, b) => a.seq - b.seq);
  }

  /** The bounded copies stand for the values from here on: a finished execution holds no table of a node. */
  settle(eventOf: (kept: KeptOutput) => RuntimeOutput): void {
    for (const kept of [...this.#outputs.values(), ...this.#loopOutputs.list()]) {
      kept.event = eventOf(kept);
      kept.value = undefined;
    }
  }
}

const keyOf = (path: string, port: string): string => `${path}\n${port}`;
