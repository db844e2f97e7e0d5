/**
 * What the records of an execution say together: where it stood when its host died. Instances stand in a tree by the
 * parts of their paths, so that what happened inside a loop or a Blueprint goes with it.
 */
import type { BlobAccess } from "../blueprint/define-node.ts";
import { RuntimeError, type RtError } from "../errors.ts";
import { PastSteering } from "./past-steering.ts";
import type { Created, ExecutionRecord, Settled, StoredValue, Terminal, Values } from "./records.ts";
import { loadValue, loadValues } from "./stored-values.ts";

/** Values that are read at once. */
const LOADS = 64;

export interface InstancePast {
  /** Of the attempt that was running, had failed (`backoff`) or was the last. */
  attempt: number;
  /** `running`: its host died with it. `backoff`: tried again at `until`. `waiting`: for what `wait` says. */
  at: "running" | "backoff" | "waiting" | "answered" | "final";
  settled: Settled | undefined;
  /** Of a final one, once `load` has run. */
  outputs: Values | undefined;
  /** Its outputs are not there any more. */
  isLost: boolean;
  until: number;
  key: string | undefined;
  /** Hosts that died while it was running. */
  deaths: number;
  steps: Map<string, unknown> | undefined;
  heartbeat: unknown;
  /** What it waits for, or has waited for last; stored until `load` has run. */
  wait: unknown;
  /** How often it has waited. */
  waits: number;
  /** What has come. */
  resume: { readonly value: unknown; readonly state: unknown } | undefined;
  isTaken: boolean;
}

interface Branch {
  past: InstancePast | undefined;
  inside: Map<string, Branch> | undefined;
}

export class Past {
  created: Created | undefined;
  /** Milliseconds since 1970, of `created` and of the first claim. */
  createdAt = 0;
  startedAt: number | undefined;
  endedAt: number | undefined;
  epoch = 0;
  /** Hosts that died with it. */
  deaths = 0;
  pause: { readonly reason?: string } | undefined;
  /** Milliseconds since 1970, of `pause`. */
  #pausedAt = 0;
  #pausedMs = 0;
  cancel: { readonly s: "failed" | "cancelled"; readonly error: RtError } | undefined;
  terminal: Terminal | undefined;
  /** Instances that ended, by state. */
  readonly counts: Record<Settled["s"], number> = { completed: 0, failed: 0, skipped: 0, cancelled: 0 };
  readonly steering: PastSteering = new PastSteering();
  readonly #root: Branch = { past: undefined, inside: undefined };
  /** Running since the last claim. */
  readonly #running = new Map<string, InstancePast>();
  #isClaimed = false;

  add(record: ExecutionRecord, ts: number): void {
    this.steering.add(record);
    switch (record.k) {
      case "created":
        this.created = record;
        this.createdAt = ts;
        return;
      case "claimed":
        this.#hostDied();
        this.#isClaimed = true;
        this.epoch = record.epoch;
        this.startedAt ??= ts;
        return;
      case "released":
        this.#isClaimed = false;
        this.#running.clear();
        return;
      case "started": {
        const past = this.#instance(record.p);
        past.attempt = record.a;
        past.at = "running";
        past.key = record.key ?? past.key;
        if (!record.inside) this.#running.set(record.p, past);
        return;
      }
      case "step":
        (this.#instance(record.p).steps ??= new Map()).set(record.key, record.value);
        return;
      case "heartbeat":
        this.#instance(record.p).heartbeat = record.value;
        return;
      case "timer": {
        const past = this.#instance(record.p);
        past.attempt = record.a;
        past.at = "backoff";
        past.until = record.until;
        this.#running.delete(record.p);
        // The next attempt of a loop or a Blueprint begins anew.
        this.forgetInside(record.p);
        return;
      }
      case "wait": {
        const past = this.#instance(record.p);
        past.attempt = record.a;
        past.at = "waiting";
        past.wait = record.value;
        past.waits = record.nth;
        this.#running.delete(record.p);
        return;
      }
      case "answer": {
        const past = this.#instance(record.p);
        past.at = "answered";
        past.resume = { value: record.value, state: undefined };
        return;
      }
      case "settled": {
        const past = this.#instance(record.p);
        past.attempt = record.a;
        past.at = "final";
        past.settled = record;
        this.#running.delete(record.p);
        this.counts[record.s]++;
        this.forgetInside(record.p);
        return;
      }
      case "drop": {
        const past = this.#instance(record.p);
        past.at = "final";
        past.settled = { k: "settled", p: record.p, a: past.attempt, s: "cancelled", why: record.why };
        this.#running.delete(record.p);
        return;
      }
      case "stop":
        // It stands still: whatever kills its host is another one.
        this.#running.delete(record.p);
        return;
      // What steered it is told by `steering`.
      case "breakpoints":
      case "config":
      case "count":
      case "left":
      case "override":
        return;
      case "pause":
        if (!this.pause) this.#pausedAt = ts;
        this.pause = record.reason === undefined ? {} : { reason: record.reason };
        return;
      case "resume":
        if (this.pause) this.#pausedMs += ts - this.#pausedAt;
        this.pause = undefined;
        return;
      case "cancel":
        this.cancel = record;
        return;
      case "terminal":
        this.terminal = record;
        this.endedAt = ts;
        return;
    }
  }

  /** Since it began, pauses left out: the time without a host counts, as it does for every deadline. */
  activeMs(now: number): number {
    const end = this.pause ? this.#pausedAt : now;
    return this.startedAt === undefined ? 0 : Math.max(0, end - this.startedAt - this.#pausedMs);
  }

  /** The records end here, and the execution had not: its host is gone. */
  end(): void {
    this.#hostDied();
  }

  /** Reads outputs, steps and heartbeats back. Rejects only when the storage fails otherwise than by losing a blob. */
  async load(blobs: BlobAccess): Promise<void> {
    await this.steering.load(blobs);
    const work = Array.from(this.instances(), ([, past]) => past);
    const one = async (): Promise<void> => {
      for (let past = work.pop(); past; past = work.pop()) await loadInstance(past, blobs);
    };
    await Promise.all(Array.from({ length: Math.min(LOADS, work.length) }, one));
  }

  find(path: string): InstancePast | undefined {
    return this.#find(path)?.past;
  }

  /** All that are known, with their paths. */
  *instances(): Generator<[path: string, past: InstancePast]> {
    const work: [string, Branch][] = [["", this.#root]];
    for (let next = work.pop(); next; next = work.pop()) {
      const [path, { past, inside }] = next;
      if (past) yield [path, past];
      for (const [name, inner] of inside ?? []) {
        work.push([path === "" || path.endsWith("[") ? `${path}${name}` : `${path}/${name}`, inner]);
      }
    }
  }

  /** Hands the past of an instance out, once. */
  take(path: string): InstancePast | undefined {
    const past = this.#find(path)?.past;
    if (!past || past.isTaken) return undefined;
    past.isTaken = true;
    return past;
  }

  /** Something of it was recorded. */
  knows(path: string): boolean {
    return this.find(path) !== undefined;
  }

  /** It had ended, whether its past was handed out or not. */
  isFinal(path: string): boolean {
    return this.#find(path)?.past?.at === "final";
  }

  /** What is inside of a loop or a Blueprint was of an attempt that is over. */
  forgetInside(path: string): void {
    const cut = path.lastIndexOf("/");
    const parent = cut < 0 ? this.#root : this.#find(path.slice(0, cut));
    const name = path.slice(cut + 1);
    const own = parent?.inside?.get(name);
    if (own) own.inside = undefined;
    if (!parent?.inside || !parent.inside.has(`${name}[`)) return;
    parent.inside.delete(`${name}[`);
  }

  #hostDied(): void {
    if (!this.#isClaimed) return;
    this.#isClaimed = false;
    this.deaths++;
    for (const past of this.#running.values()) past.deaths++;
    this.#running.clear();
  }

  #instance(path: string): InstancePast {
    let at = this.#root;
    for (const part of partsOf(path)) {
      at.inside ??= new Map();
      let next = at.inside.get(part);
      if (!next) at.inside.set(part, (next = { past: undefined, inside: undefined }));
      at = next;
    }
    return (at.past ??= {
      attempt: 0,
      at: "running",
      settled: undefined,
      outputs: undefined,
      isLost: false,
      until: 0,
      key: undefined,
      deaths: 0,
      steps: undefined,
      heartbeat: undefined,
      wait: undefined,
      waits: 0,
      resume: undefined,
      isTaken: false,
    });
  }

  #find(path: string): Branch | undefined {
    let at: Branch | undefined = this.#root;
    for (const part of partsOf(path)) at = at?.inside?.get(part);
    return at;
  }
}

/** `each[k]/fetch` → `each[`, `k]`, `fetch`: the items of a loop are one branch. Keys have no brackets and no slashes. */
function partsOf(path: string): string[] {
  return path.split("/").flatMap((name) => {
    const bracket = name.indexOf("[");
    return bracket < 0 ? [name] : [name.slice(0, bracket + 1), name.slice(bracket + 1)];
  });
}

async function loadInstance(past: InstancePast, blobs: BlobAccess): Promise<void> {
  try {
    if (past.settled?.out) past.outputs = await loadValues(past.settled.out, blobs);
  } catch (error) {
    if (!(error instanceof RuntimeError && error.code === "BLOB_LOST")) throw error;
    past.isLost = true;
  }
  for (const [key, stored] of past.steps ?? []) {
    // A step whose result is gone runs again.
    const value = await orLost(stored as StoredValue, blobs);
    if (value === LOST) past.steps!.delete(key);
    else past.steps!.set(key, value);
  }
  const again = async (stored: unknown): Promise<unknown> => {
    const value = stored === undefined ? undefined : await orLost(stored as StoredValue, blobs);
    return value === LOST ? undefined : value;
  };
  past.heartbeat = await again(past.heartbeat);
  past.wait = await again(past.wait);
  if (past.resume) {
    past.resume = {
      value: await again(past.resume.value),
      state: (past.wait as { state?: unknown } | undefined)?.state,
    };
  }
}

const LOST = Symbol("lost");

async function orLost(stored: StoredValue, blobs: BlobAccess): Promise<unknown> {
  try {
    return await loadValue(stored, blobs);
  } catch (error) {
    if (error instanceof RuntimeError && error.code === "BLOB_LOST") return LOST;
    throw error;
  }
}
