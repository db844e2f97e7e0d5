import type { OnOptions } from "../bus/event-bus.ts";
import { Topics } from "../bus/topics.ts";
/**
 * Work spread over equal peers: threads, child processes, hosts.
 *
 * 1. Each member has a bus of its own: members hear nothing of each other.
 * 2. A request waits here, in order and bounded, until a member has room for it; only then is it sent. What waits is
 *    untouched by the death of a member.
 * 3. A key belongs to a place in the pool, for good; a member that died is replaced in its place.
 */
import type { Clock } from "../core/clock.ts";
import type { CommandsOf, Contract, EventsOf } from "../core/contract.ts";
import { Deadlines } from "../core/deadlines.ts";
import { EventsError } from "../core/errors.ts";
import { hash64 } from "../core/hash.ts";
import { newId, systemRandom } from "../core/ids.ts";
import { systemClock } from "../core/system-clock.ts";
import { Member, type Hearing, type MemberOwner, type PoolMember } from "./member.ts";
import type { Pool, PoolOptions, PoolReport, PoolRequestOptions } from "./pool-types.ts";

export type { MemberReport, PoolMember } from "./member.ts";
export type { Pool, PoolOptions, PoolReport, PoolRequestOptions } from "./pool-types.ts";

interface Task {
  readonly name: string;
  readonly input: unknown;
  readonly options: PoolRequestOptions;
  /** The member it must go to. */
  readonly place: number | undefined;
  readonly dueAt: number;
  /** May be asked once more when its member dies. */
  mayRetry: boolean;
  readonly resolve: (reply: any) => void;
  readonly reject: (fault: unknown) => void;
  stopWaiting: () => void;
}

const WAITING = 1_000;

/**
 * Makes a pool of equal peers. `start` is called for each member when there is work for it, and again when it died.
 *
 * Throws RangeError for a size, or a number of requests, that is no whole number above 0; TypeError as `new EventBus`.
 *
 * @example
 * const start = () => {
 *   const worker = new Worker(new URL("./resize.js", import.meta.url));
 *   return { transport: workerTransport(worker), terminate: () => worker.terminate() };
 * };
 * const workers = pool(start, { contract, role: "host", size: availableParallelism(), idleMs: 30_000 });
 * await workers.request("image:resize", { path });
 */
export function pool<K extends Contract<any>>(
  start: () => PoolMember | Promise<PoolMember>,
  options: PoolOptions & { readonly contract: K },
): Pool<EventsOf<K>, CommandsOf<K>> {
  return new Members(start, options) as unknown as Pool<EventsOf<K>, CommandsOf<K>>;
}

class Members implements MemberOwner {
  readonly clock: Clock;
  readonly idleMs: number | undefined;
  readonly busOptions: MemberOwner["busOptions"];
  readonly hearings: Set<Hearing> = new Set<Hearing>();
  readonly start: () => PoolMember | Promise<PoolMember>;
  readonly #options: PoolOptions;
  readonly #topics: Topics;
  readonly #members: readonly Member[];
  /** What waits, in the order of asking. */
  readonly #tasks: Set<Task> = new Set<Task>();
  readonly #deadlines: Deadlines;
  readonly #endings: Set<Promise<void>> = new Set<Promise<void>>();
  readonly #id: string;
  #lastKey = 0;
  #isClosed = false;
  #stopRest: () => void = () => undefined;

  constructor(start: () => PoolMember | Promise<PoolMember>, options: PoolOptions) {
    const { size, requestsPerMember = 1, contract, clock = systemClock, random = systemRandom } = options;
    for (const count of [size, requestsPerMember]) {
      if (!Number.isInteger(count) || count < 1)
        throw new RangeError(`Cannot make a pool with ${count}: use a whole number above 0`);
    }
    this.start = start;
    this.clock = clock;
    this.#deadlines = new Deadlines(clock);
    this.idleMs = options.idleMs;
    this.#options = options;
    this.#id = newId(random);
    this.#topics = new Topics([contract]);
    const { role = "", onError = console.error, exposeErrors = false, codecs, compression } = options;
    this.busOptions = {
      contracts: [contract],
      role,
      clock,
      random,
      onError,
      exposeErrors,
      ...(codecs && { codecs }),
      ...(compression && { compression }),
    };
    this.#members = Array.from({ length: size }, () => new Member(this));
  }

  request(name: string, input: unknown, options: PoolRequestOptions = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw ended("CLOSED", name, "the pool was closed; make a new one");
      const rule = this.#topics.need(name, "request").command;
      const { signal, timeoutMs = rule?.timeoutMs ?? 0 } = options;
      const { waiting = WAITING } = this.#options;
      if (signal?.aborted === true) throw ended("CANCELLED", name, "its signal was aborted before it began");
      if (this.#tasks.size >= waiting)
        throw ended("QUEUE_FULL", name, `${waiting} requests wait for a member already; ask later, or raise "waiting"`);
      const mayRetry = rule?.idempotent === true;
      // One key for both tries: whoever remembers the first does not start a second.
      const key = options.key ?? (mayRetry ? `${this.#id}:${++this.#lastKey}` : undefined);
      const task: Task = {
        name,
        input,
        options: key === undefined ? options : { ...options, key },
        place: this.#placeOf(name, input),
        dueAt: this.clock.monotonic() + timeoutMs,
        mayRetry,
        resolve,
        reject,
        stopWaiting: () => undefined,
      };
      this.#wait(task);
      this.ready();
    });
  }

  emit(name: string, data: unknown): void {
    if (this.#isClosed) throw ended("CLOSED", name, "the pool was closed; make a new one");
    this.#topics.need(name, "emit");
    const place = this.#placeOf(name, data);
    for (const member of place === undefined ? this.#members : [this.#members[place]!]) member.emit(name, data);
  }

  on(pattern: string, hear: Hearing["hear"], options: OnOptions = {}): () => void {
    const hearing: Hearing = { pattern, hear, options, stops: new Map() };
    this.hearings.add(hearing);
    for (const member of this.#members) member.hear(hearing);
    return () => {
      this.hearings.delete(hearing);
      for (const stop of hearing.stops.values()) stop();
    };
  }

  terminate(place: number): void {
    this.#members[place]?.terminate("its owner terminated it");
  }

  inspect(): PoolReport {
    return { members: this.#members.map((member) => member.report()), waiting: this.#tasks.size };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopRest();
    for (const task of this.#tasks) this.#refuse(task, ended("CLOSED", task.name, "the pool was closed"));
    for (const member of this.#members) member.stop();
    this.hearings.clear();
    while (this.#endings.size > 0) await Promise.all(this.#endings);
  }

  // What members tell.

  /** Gives what waits to members that have room, and starts members for the rest. */
  ready(): void {
    /** Members that are on their way: each will take one of those that wait. */
    let coming = this.#members.filter((member) => member.isStarting).length;
    let isFull = false;
    for (const task of this.#tasks) {
      if (isFull && this.#options.key === undefined) break;
      if (isFull && task.place === undefined) continue;
      const member = this.#choose(task.place);
      if (member !== undefined) void this.#give(task, member);
      else if (task.place !== undefined) this.#members[task.place]!.start();
      else if (coming > 0) coming--;
      else isFull = !this.#startOne();
    }
    this.#afterRest();
  }

  failed(member: Member, why: EventsError): void {
    const place = this.#members.indexOf(member);
    const isAlone = this.#members.every((other) => other.isStopped);
    for (const task of this.#tasks) {
      if (task.place === place || (task.place === undefined && isAlone)) this.#refuse(task, why);
    }
    this.ready();
  }

  fault(fault: unknown): void {
    this.busOptions.onError?.(fault, {});
  }

  ending(work: Promise<void>): void {
    const kept = work.finally(() => this.#endings.delete(kept));
    this.#endings.add(kept);
  }

  /** The member of the place, else the one with the fewest open requests, where it has room. */
  #choose(place: number | undefined): Member | undefined {
    const { requestsPerMember = 1 } = this.#options;
    let best: Member | undefined;
    for (const member of place === undefined ? this.#members : [this.#members[place]!]) {
      if (!member.isReady || member.openRequests >= requestsPerMember) continue;
      if (best === undefined || member.openRequests < best.openRequests) best = member;
    }
    return best;
  }

  #startOne(): boolean {
    const next = this.#members.find((member) => member.isStopped && member.restMs === 0);
    next?.start();
    return next !== undefined;
  }

  async #give(task: Task, member: Member): Promise<void> {
    this.#unwait(task);
    const { onMember, ...options } = task.options;
    try {
      onMember?.(this.#members.indexOf(member));
      const timeoutMs = Math.max(0, Math.ceil(task.dueAt - this.clock.monotonic()));
      task.resolve(await member.request(task.name, task.input, { ...options, timeoutMs }));
    } catch (fault) {
      if (!task.mayRetry || this.#isClosed || (fault as EventsError).code !== "OUTCOME_UNKNOWN") task.reject(fault);
      else {
        // Once: a request that ends its members would end them all.
        task.mayRetry = false;
        this.#wait(task);
      }
    }
    if (!this.#isClosed) this.ready();
  }

  #wait(task: Task): void {
    const { signal } = task.options;
    const cancel = (): void => this.#refuse(task, ended("CANCELLED", task.name, "the caller cancelled it"));
    const late = (): void => this.#refuse(task, ended("TIMEOUT", task.name, this.#noRoom(task.place)));
    const stopTimer = this.#deadlines.add(Math.max(0, task.dueAt - this.clock.monotonic()), late);
    signal?.addEventListener("abort", cancel, { once: true });
    task.stopWaiting = () => {
      stopTimer();
      signal?.removeEventListener("abort", cancel);
    };
    this.#tasks.add(task);
  }

  /** Why nobody took it, from the states of those who could. */
  #noRoom(place: number | undefined): string {
    const members = place === undefined ? this.#members : [this.#members[place]!];
    const counts = new Map<string, number>();
    for (const { state } of members.map((member) => member.report())) counts.set(state, (counts.get(state) ?? 0) + 1);
    const states = [...counts].map(([state, count]) => `${count} ${state}`).join(", ");
    if (counts.has("starting") && !counts.has("ready"))
      return `no member was ready in time (${states}); see that its script connects a bus at once, or raise timeoutMs`;
    return `no member had room for it in time (${states}); raise timeoutMs or the size, or terminate a member that hangs`;
  }

  #unwait(task: Task): void {
    this.#tasks.delete(task);
    task.stopWaiting();
  }

  #refuse(task: Task, why: EventsError): void {
    this.#unwait(task);
    task.reject(why);
  }

  /** Looks again when a member that could not be started may be tried again. */
  #afterRest(): void {
    this.#stopRest();
    const rests = this.#members.map(({ restMs }) => restMs).filter((ms) => ms > 0);
    if (this.#tasks.size === 0 || rests.length === 0) return;
    this.#stopRest = this.clock.after(Math.min(...rests), () => this.ready());
  }

  #placeOf(name: string, data: unknown): number | undefined {
    const key = this.#options.key?.(name, data);
    return key === undefined ? undefined : Number.parseInt(hash64(key).slice(0, 8), 16) % this.#members.length;
  }
}

function ended(code: EventsError["code"], name: string, why: string): EventsError {
  return new EventsError(code, `Cannot complete "${name}": ${why}`, { name });
}
