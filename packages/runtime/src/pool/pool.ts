/**
 * Threads and processes that nodes run in, started when they are needed. Rules:
 * 1. One run a member at a time; a member that ended, or was killed, is never used again.
 * 2. At most `size` members run at once; further runs wait in order. Runs that read or write streams are not counted:
 *    they wait for each other.
 * 3. A run that ignores its abort for the grace is ended with its member.
 * 4. Members that nothing wants for half a minute are ended.
 */
import type { Clock } from "@atomiton/events";

import type { AnyNodeDef, NodeContext } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { startMember, type Member, type MemberKind } from "./member.ts";
import { runOn } from "./run-on.ts";

const IDLE_MS = 30_000;
/** Where the definition says nothing. */
const MEMORY_MIB = 512;
/** Of an abort whose reason says nothing. */
const GRACE_MS = 5_000;

export interface PoolGauge {
  /** Threads and processes that are there. */
  members: number;
  running: number;
  waiting: number;
}

export interface PoolRunOptions {
  /** It reads or writes streams: it must not wait for a member. */
  streams: boolean;
}

/** True where a node wants a thread or a process of its own kind, and says where it can be loaded. */
export function runsApart({ runsOn }: AnyNodeDef): boolean {
  return runsOn === "thread" || runsOn === "process";
}

export class Pool {
  readonly #clock: Clock;
  readonly #size: number;
  readonly #idle = new Map<Member, () => void>();
  readonly #members = new Set<Member>();
  #counted = 0;
  #running = 0;
  #waiting: (() => void)[] = [];
  #isClosed = false;

  constructor(clock: Clock, size: number) {
    this.#clock = clock;
    this.#size = size;
  }

  gauge(): PoolGauge {
    return { members: this.#members.size, running: this.#running, waiting: this.#waiting.length };
  }

  /**
   * Runs a node in a member. Rejects with what the node throws; with `NodeError` `OUT_OF_MEMORY`, `WORKER_EXITED` or
   * `WORKER_CRASHED` when its member ended; with `CONFIG` when the definition does not say where it stands; with the
   * signal's reason when it was aborted.
   */
  async run(def: AnyNodeDef, ctx: NodeContext<any, any, any>, { streams }: PoolRunOptions): Promise<unknown> {
    if (def.module === undefined) {
      throw new NodeError(
        `Cannot run ${def.type} in a ${def.runsOn}: its definition does not say where it stands; add module: import.meta.url, or runsOn: "inline"`,
        { code: "CONFIG", class: "config", retryable: false },
      );
    }
    if (!streams) await this.#turn(ctx.signal);
    this.#running++;
    let member: Member | undefined;
    try {
      ctx.signal.throwIfAborted();
      member = this.#take(def.runsOn as MemberKind, memoryOf(def));
      return await this.#runOn(member, def, ctx);
    } finally {
      this.#running--;
      if (member) this.#giveBack(member);
      if (!streams) {
        this.#counted--;
        this.#waiting.shift()?.();
      }
    }
  }

  /** Ends all members. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const stop of this.#idle.values()) stop();
    this.#idle.clear();
    await Promise.all([...this.#members].map((member) => member.kill()));
  }

  async #runOn(member: Member, def: AnyNodeDef, ctx: NodeContext<any, any, any>): Promise<unknown> {
    const { signal } = ctx;
    let stopGrace: (() => void) | undefined;
    const onAbort = (): void => {
      const asked = (signal.reason as { graceMs?: unknown } | undefined)?.graceMs;
      stopGrace = this.#clock.after(typeof asked === "number" ? asked : GRACE_MS, () => void member.kill());
    };
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await runOn(member, def, ctx);
    } catch (error) {
      // Killed for its abort: that is the reason, not how.
      if (signal.aborted && member.hasEnded) throw signal.reason;
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
      stopGrace?.();
    }
  }

  /** Waits for a place. */
  #turn(signal: AbortSignal): Promise<void> {
    if (this.#counted < this.#size) {
      this.#counted++;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const go = (): void => {
        signal.removeEventListener("abort", stop);
        this.#counted++;
        resolve();
      };
      const stop = (): void => {
        this.#waiting = this.#waiting.filter((one) => one !== go);
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", stop, { once: true });
      if (signal.aborted) stop();
      else this.#waiting.push(go);
    });
  }

  #take(kind: MemberKind, memoryMiB: number): Member {
    for (const [member, stop] of this.#idle) {
      if (member.kind !== kind || member.memoryMiB !== memoryMiB || member.hasEnded) continue;
      stop();
      this.#idle.delete(member);
      return member;
    }
    const member = startMember(kind, memoryMiB);
    this.#members.add(member);
    void member.ended.then(() => {
      this.#members.delete(member);
      this.#idle.get(member)?.();
      this.#idle.delete(member);
    });
    return member;
  }

  #giveBack(member: Member): void {
    if (member.hasEnded) return;
    if (this.#isClosed) return void member.kill();
    this.#idle.set(
      member,
      this.#clock.after(IDLE_MS, () => {
        this.#idle.delete(member);
        void member.kill();
      }),
    );
  }
}

function memoryOf({ resources }: AnyNodeDef): number {
  return resources?.memory === undefined ? MEMORY_MIB : Number.parseInt(resources.memory, 10);
}
