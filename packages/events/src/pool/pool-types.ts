import type { AnyCommands, AnyEvents, BusOptions, InputOf, Meta, OnOptions, RequestOptions } from "../bus/event-bus.ts";
import type { Contract, Reply } from "../core/contract.ts";
import type { MemberReport } from "./member.ts";

type OfEachBus = "clock" | "random" | "onError" | "exposeErrors" | "role" | "codecs" | "compression";

export interface PoolOptions extends Pick<BusOptions, OfEachBus> {
  readonly contract: Contract;
  /** Members at most; each is started when it is needed. */
  readonly size: number;
  /** Messages with one key go to one member. Undefined: to any. */
  readonly key?: (name: string, data: any) => string | undefined;
  /** Requests that a member works on at one time. Default 1: a thread does one thing at a time. */
  readonly requestsPerMember?: number;
  /** Requests that may wait for a member. Default 1,000. */
  readonly waiting?: number;
  /** A member without work for this long is ended. Default: never. */
  readonly idleMs?: number;
}

export interface PoolRequestOptions extends Omit<RequestOptions, "to"> {
  /** Called when the request is given to a member, with its number: see `terminate`. Again when it is retried. */
  readonly onMember?: (member: number) => void;
}

export interface PoolReport {
  readonly members: readonly MemberReport[];
  /** Requests that wait for a member. */
  readonly waiting: number;
}

export interface Pool<E = AnyEvents, C = AnyCommands> {
  /**
   * Asks the member of the input's key, else the one with the fewest open requests; `timeoutMs` counts from here on,
   * waiting included. Rejects as `request` of a bus does: with OUTCOME_UNKNOWN when the member died, unless the command
   * is idempotent; that is asked once more of another. QUEUE_FULL when too many wait, LINK_LOST when no member starts.
   */
  request<T extends keyof C & string>(
    name: T,
    input: InputOf<C, T>,
    options?: PoolRequestOptions,
  ): Promise<Reply<C, T>>;
  /**
   * Tells every member that runs, or the one of the payload's key. Starts nobody: a member that is started later has
   * not heard it. Throws as `emit` of a bus does.
   */
  emit<T extends keyof E & string>(name: T, data: E[T]): void;
  /** Hears what members emit, those to come too. Call the result to stop. */
  on<T extends keyof E & string>(
    name: T,
    hear: (data: E[T], meta: Meta) => unknown,
    options?: Pick<OnOptions, "where" | "onGap">,
  ): () => void;
  /** Ends a member in the middle of its work: its open requests are `OUTCOME_UNKNOWN`, and the next finds a new one. */
  terminate(member: number): void;
  inspect(): PoolReport;
  /** Idempotent: ends every member and every wait (CLOSED). Resolves when each `terminate` has. */
  close(): Promise<void>;
}
