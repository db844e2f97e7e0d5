import type { Clock } from "@atomiton/events";

import type { BlobStore } from "../blobs/blob-store.ts";
import type { Pool } from "../pool/pool.ts";
import type { OnUnknown } from "./run/recall.ts";
import type { HostLocks, HostSlots, Pace } from "./run/slots.ts";

/** What all executions of one `Runtime` share. */
export interface EngineHost {
  readonly clock: Clock;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  readonly slots: HostSlots;
  readonly locks: HostLocks;
  readonly pace: Pace;
  readonly blobs: BlobStore;
  /** Threads and processes of nodes that do not run inline. */
  readonly pool: Pool;
  /** Named in `runtime:started`. */
  readonly name: string;
  /** What expressions see as `vars`. */
  readonly vars: Readonly<Record<string, unknown>>;
  /** What happens to a `write` whose host died, where its Blueprint says nothing. */
  readonly onUnknown: OnUnknown;
}

/** From an abort until processes are killed and attempts that ignore it are given up, ms. */
export const GRACE_MS = 5_000;
/** Attempts at once in one execution, where its policy says nothing. */
export const EXECUTION_CONCURRENCY = 8;
/** Attempts at once on one host. */
export const HOST_CONCURRENCY = 64;
