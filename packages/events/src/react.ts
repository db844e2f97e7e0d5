/**
 * Hooks for a bus in React 18.3 and newer. Each takes the bus, and is typed by its contract. Subscriptions are those of mounted
 * components: under StrictMode, hot reload and every change of arguments their number returns to what is on the page.
 */
import { useCallback, useEffect, useInsertionEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";

import type { EventBus, InputOf, Link, Meta, OnOptions, RequestOptions } from "./bus/event-bus.ts";
import type { Reply } from "./core/contract.ts";
import { EventsError } from "./core/errors.ts";
import type { Where } from "./session/messages.ts";
import type { LinkState, Peer } from "./session/session.ts";

/** `where` may be written in place: it is compared by its fields. */
export type UseEventOptions = Pick<OnOptions, "where" | "since" | "onGap" | "replayed">;

export interface UseLatestOptions {
  readonly where?: Where;
}

/** What a component knows of the request that it made last. */
export interface RequestState<R> {
  readonly isPending: boolean;
  /** Of the last request that was answered; kept while the next one is under way. */
  readonly data: R | undefined;
  /** Of the last request, where it failed. */
  readonly error: EventsError | undefined;
}

export interface UseRequest<I, R> extends RequestState<R> {
  /** Asks, and cancels what this component asked before. Rejects as `events.request` does. Keeps its identity. */
  readonly request: (input: I, options?: Omit<RequestOptions, "signal">) => Promise<R>;
}

export interface LinkView {
  readonly link: Link;
  readonly state: LinkState;
  readonly peer: Peer | undefined;
}

/**
 * Hears an event while the component is mounted. `hear` may be written in place: the newest one is called.
 *
 * @example useEvent(events, "runtime:completed", ({ executionId }) => toast(executionId), { where: { executionId } });
 */
export function useEvent<E, C, T extends keyof E & string>(
  events: EventBus<E, C>,
  name: T,
  hear: (data: E[T], meta: Meta) => unknown,
  options: UseEventOptions = {},
): void {
  const { since, replayed } = options;
  const where = useSame(options.where, sameFields);
  const start = useSame(since, sameSince);
  const newest = useRef({ hear, onGap: options.onGap });
  // Before any effect of this render, so that none of them meets the function of the one before.
  useInsertionEffect(() => {
    newest.current = { hear, onGap: options.onGap };
  });
  useEffect(
    () =>
      events.on(name, (data, meta) => newest.current.hear(data, meta), {
        onGap: (gap) => newest.current.onGap?.(gap),
        ...(where && { where }),
        ...(start !== undefined && { since: start }),
        ...(replayed !== undefined && { replayed }),
      }),
    [events, name, where, start, replayed],
  );
}

/**
 * The last value of an event, and from the start the one that a provider or the bus itself keeps (`since: "last"`).
 * Undefined until there is one. For `latest` events with several keys say with `where` which one.
 *
 * @example const progress = useLatest(events, "runtime:progress", { where: { executionId } });
 */
export function useLatest<E, C, T extends keyof E & string>(
  events: EventBus<E, C>,
  name: T,
  options: UseLatestOptions = {},
): E[T] | undefined {
  const where = useSame(options.where, sameFields);
  const store = useMemo(() => latestStore(events, name, where), [events, name, where]);
  return useSyncExternalStore(store.subscribe, store.read, nothing);
}

/**
 * Asks a command, when the component says so. A component that goes cancels what it asked; of two requests the last counts.
 *
 * @example
 * const { request, isPending, error } = useRequest(events, "runtime:execute");
 * <button disabled={isPending} onClick={() => request({ blueprintId }).catch(() => {})}>Run</button>;
 */
export function useRequest<E, C, T extends keyof C & string>(
  events: EventBus<E, C>,
  name: T,
): UseRequest<InputOf<C, T>, Reply<C, T>> {
  const [state, setState] = useState<RequestState<Reply<C, T>>>(IDLE);
  const current = useRef<AbortController | undefined>(undefined);
  useEffect(
    () => () => {
      current.current?.abort();
      current.current = undefined;
      setState(IDLE);
    },
    [events, name],
  );
  const request = useCallback(
    async (input: InputOf<C, T>, options: Omit<RequestOptions, "signal"> = {}): Promise<Reply<C, T>> => {
      current.current?.abort();
      const mine = new AbortController();
      current.current = mine;
      const tell = (next: (before: RequestState<Reply<C, T>>) => RequestState<Reply<C, T>>): void => {
        if (current.current === mine) setState(next);
      };
      tell(({ data }) => ({ isPending: true, data, error: undefined }));
      try {
        const data = await events.request(name, input, { ...options, signal: mine.signal });
        tell(() => ({ isPending: false, data, error: undefined }));
        return data;
      } catch (fault) {
        const error = fault instanceof EventsError ? fault : undefined;
        tell(({ data }) => ({ isPending: false, data, error }));
        throw fault;
      }
    },
    [events, name],
  );
  return { ...state, request };
}

/**
 * The link of this bus: one that is open, else the one that changed last; undefined while there was none.
 *
 * @example const isLive = useLink(events)?.state.at === "open";
 */
export function useLink<E, C>(events: EventBus<E, C>): LinkView | undefined {
  const store = useMemo(() => linkStore(events), [events]);
  return useSyncExternalStore(store.subscribe, store.read, nothing);
}

/** What `useSyncExternalStore` reads: subscribed while a component is mounted. */
interface Store<V> {
  readonly subscribe: (changed: () => void) => () => void;
  readonly read: () => V | undefined;
}

function latestStore<E, C, T extends keyof E & string>(
  events: EventBus<E, C>,
  name: T,
  where: Where | undefined,
): Store<E[T]> {
  let last: E[T] | undefined;
  return {
    subscribe: (changed) =>
      events.on(
        name,
        (data) => {
          last = data;
          changed();
        },
        { since: "last", ...(where && { where }) },
      ),
    read: () => last,
  };
}

function linkStore<E, C>(events: EventBus<E, C>): Store<LinkView> {
  const links = new Map<Link, LinkView>();
  let shown: LinkView | undefined;
  return {
    subscribe: (changed) => {
      links.clear();
      return events.onLink((state, link) => {
        const view = { link, state, peer: link.peer };
        if (state.at === "closed") links.delete(link);
        else links.set(link, view);
        shown = [...links.values()].find((each) => each.state.at === "open") ?? view;
        changed();
      });
    },
    read: () => shown,
  };
}

const IDLE: RequestState<never> = { isPending: false, data: undefined, error: undefined };
const nothing = (): undefined => undefined;

/** The value before, as long as it is the same. */
function useSame<V>(value: V, isSame: (a: V, b: V) => boolean): V {
  const [kept, keep] = useState({ value });
  if (kept.value === value || isSame(kept.value, value)) return kept.value;
  keep({ value });
  return value;
}

function sameFields(a: Where | undefined, b: Where | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && Object.is(a[key], b[key]))
  );
}

function sameSince(a: OnOptions["since"], b: OnOptions["since"]): boolean {
  return typeof a === "object" && typeof b === "object" ? a.after === b.after : a === b;
}
