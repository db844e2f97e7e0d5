import type { SendPolicy } from "./messages.ts";

/** One message that waits. Owned by the outbox until `shift`. */
export interface Entry {
  readonly type: number;
  /** Flat pieces of the frame's body; an event's name stands as text and is numbered when the frame is made. */
  slots: unknown[];
  readonly bytes: number;
  readonly lowered: boolean;
  /** Lowered for bytes; where the medium clones, because it is long and leaves in chunks. */
  readonly asBytes: boolean;
  /** Buffers in it that move with it. */
  readonly moves?: readonly ArrayBuffer[] | undefined;
  /** There for events. */
  readonly policy: SendPolicy | undefined;
  readonly key: string | undefined;
  /** Position in everything that was ever queued in the lane: `flush()` waits for it. */
  index: number;
  /** There for a marker that stands where events were dropped: how many of which name. */
  lost: Map<string, number> | undefined;
  reason: string;
  previous: Entry | undefined;
  next: Entry | undefined;
  queued: boolean;
}

/** A gap marker counts this much, so that even markers are bounded. */
const MARKER_BYTES = 32;

interface NameQueue {
  readonly entries: Entry[];
  head: number;
  count: number;
  bytes: number;
}

/** What waits in one lane for a peer, in order. Dropping leaves a marker in the place of what was dropped. */
export class Outbox {
  bytes = 0;
  count = 0;
  #first: Entry | undefined;
  #last: Entry | undefined;
  /** For names with limits of their own. */
  readonly #byName = new Map<string, NameQueue>();
  /** The entry that waits under a key of a `latest` event. */
  readonly #byKey = new Map<string, Entry>();

  get first(): Entry | undefined {
    return this.#first;
  }

  push(entry: Entry): void {
    entry.queued = true;
    entry.previous = this.#last;
    if (this.#last === undefined) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
    this.bytes += entry.bytes;
    this.count++;
    if (entry.key !== undefined) {
      const older = this.#byKey.get(entry.key);
      if (older?.queued === true) this.#unlink(older);
      this.#byKey.set(entry.key, entry);
    }
    if (entry.policy?.queue !== undefined) this.#admit(entry, entry.policy);
  }

  /** What waits under `key`, or under all that begin with it, stays in its place: later values do not replace it. */
  seal(key: string, isPrefix: boolean): void {
    if (!isPrefix) this.#byKey.delete(key);
    else for (const each of this.#byKey.keys()) if (each.startsWith(key)) this.#byKey.delete(each);
  }

  shift(): Entry | undefined {
    const entry = this.#first;
    if (entry !== undefined) this.#unlink(entry);
    return entry;
  }

  /** Puts a marker before everything that waits. */
  unshift(marker: Entry): void {
    marker.queued = true;
    marker.next = this.#first;
    if (this.#first === undefined) this.#last = marker;
    else this.#first.previous = marker;
    this.#first = marker;
    this.bytes += marker.bytes;
    this.count++;
  }

  /**
   * Drops the oldest event but `keep` and marks its place; values of `latest` events only when nothing else is left.
   * False when nothing here may be dropped.
   */
  dropOldest(reason: string, keep: Entry): boolean {
    let oldestKeyed: Entry | undefined;
    for (let entry = this.#first; entry !== undefined; entry = entry.next) {
      if (entry.policy === undefined || entry === keep) continue;
      if (entry.key !== undefined) {
        oldestKeyed ??= entry;
        continue;
      }
      this.#toMarker(entry, reason);
      return true;
    }
    if (oldestKeyed !== undefined) this.#toMarker(oldestKeyed, reason);
    return oldestKeyed !== undefined;
  }

  /** Takes out what `take` names, without a marker: the caller counts it. */
  remove(take: (entry: Entry) => boolean): Entry[] {
    const removed: Entry[] = [];
    for (let entry = this.#first; entry !== undefined;) {
      const next: Entry | undefined = entry.next;
      if (take(entry)) {
        this.#unlink(entry);
        removed.push(entry);
      }
      entry = next;
    }
    return removed;
  }

  /** True when the event's own limit asks to end the link rather than to drop. */
  overflows(policy: SendPolicy, bytes: number): boolean {
    const { queue } = policy;
    if (queue?.whenFull !== "close") return false;
    const named = this.#byName.get(policy.name);
    return named !== undefined && isOver(policy, named.count + 1, named.bytes + bytes);
  }

  #admit(entry: Entry, policy: SendPolicy): void {
    let named = this.#byName.get(policy.name);
    if (named === undefined) {
      named = { entries: [], head: 0, count: 0, bytes: 0 };
      this.#byName.set(policy.name, named);
    }
    named.entries.push(entry);
    named.count++;
    named.bytes += entry.bytes;
    const keepOne = policy.queue?.whenFull === "latest";
    if (!isOver(policy, named.count, named.bytes)) return;
    while (named.count > 1 && (keepOne || isOver(policy, named.count, named.bytes))) {
      const oldest = named.entries[named.head]!;
      named.head++;
      if (oldest.queued && oldest.lost === undefined) {
        this.#toMarker(oldest, `more than the limit of "${policy.name}" waited for a slow peer`);
      }
      if (named.head > 64 && named.head * 2 > named.entries.length) {
        named.entries.splice(0, named.head);
        named.head = 0;
      }
    }
  }

  #toMarker(entry: Entry, reason: string): void {
    const lost = new Map([[entry.policy!.name, 1]]);
    const { previous, next, index } = entry;
    this.#unlink(entry);
    if (previous?.lost !== undefined) {
      mergeLost(previous.lost, lost);
      previous.index = Math.max(previous.index, index);
      if (next?.lost !== undefined) {
        mergeLost(previous.lost, next.lost);
        previous.index = Math.max(previous.index, next.index);
        this.#unlink(next);
      }
      return;
    }
    if (next?.lost !== undefined) {
      mergeLost(next.lost, lost);
      return;
    }
    const marker = gapEntry(lost, reason, index);
    marker.queued = true;
    marker.previous = previous;
    marker.next = next;
    if (previous === undefined) this.#first = marker;
    else previous.next = marker;
    if (next === undefined) this.#last = marker;
    else next.previous = marker;
    this.bytes += marker.bytes;
    this.count++;
  }

  #unlink(entry: Entry): void {
    const { previous, next } = entry;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    entry.previous = undefined;
    entry.next = undefined;
    entry.queued = false;
    this.bytes -= entry.bytes;
    this.count--;
    if (entry.key !== undefined && this.#byKey.get(entry.key) === entry) this.#byKey.delete(entry.key);
    if (entry.policy?.queue === undefined) return;
    const named = this.#byName.get(entry.policy.name);
    if (named === undefined) return;
    named.count--;
    named.bytes -= entry.bytes;
    while (named.head < named.entries.length && !named.entries[named.head]!.queued) named.head++;
    if (named.count === 0) this.#byName.delete(entry.policy.name);
  }
}

function isOver(policy: SendPolicy, count: number, bytes: number): boolean {
  const { queue } = policy;
  return queue !== undefined && (count > queue.max || bytes > (queue.maxBytes ?? Infinity));
}

/** An entry that becomes a GAP frame. */
export function gapEntry(lost: Map<string, number>, reason: string, index: number): Entry {
  return {
    type: 0,
    slots: [],
    bytes: MARKER_BYTES,
    lowered: false,
    asBytes: false,
    policy: undefined,
    key: undefined,
    index,
    lost,
    reason,
    previous: undefined,
    next: undefined,
    queued: false,
  };
}

export function mergeLost(into: Map<string, number>, from: ReadonlyMap<string, number>): void {
  for (const [name, count] of from) into.set(name, (into.get(name) ?? 0) + count);
}
