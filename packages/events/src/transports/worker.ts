/**
 * A worker and the one who started it, over a port of their own.
 *
 * 1. The parent makes a channel and hands one end to the worker in an invitation; frames never mix with what the
 *    program posts on the worker's own channel.
 * 2. The worker says nothing before it is invited, and the parent invites only workers that it was given: nobody posts
 *    to those who did not opt in.
 * 3. In Node the port closes when the worker ends, after its last message, and `exit` follows and adds the reason: it is
 *    waited for, a second at most. `error` is left alone: a listener there would hide the crash from the program.
 * 4. In a page a lock tells the end. The worker says when it holds it, before its first frame.
 */
import { newId, systemRandom } from "../core/ids.ts";
import type { CloseCause, Connection, ConnectionEvents, Transport } from "../wire/transport.ts";
import { forkedParent, type ChannelLike } from "./forked.ts";
import { awaitLock, holdLock } from "./life-lock.ts";
import { PORT_CLOSED, portTransport, type PortLike } from "./port.ts";

/** A Web Worker or a `Worker` of `node:worker_threads`, by its shape. */
export interface WorkerLike {
  postMessage(message: any, transfer?: any): void;
  /** In Node: -1 when it has ended. */
  readonly threadId?: number;
  addEventListener?(type: string, hear: (event: any) => void): void;
  removeEventListener?(type: string, hear: (event: any) => void): void;
  on?(type: string, hear: (value: any) => void): unknown;
  removeListener?(type: string, hear: (value: any) => void): unknown;
}

const INVITATION = "atomiton:port";
const LOCK = "atomiton:lock";
/** Between the end of a port and the news that its worker ended. */
const EXIT_MS = 1_000;

/**
 * Speaks with a worker that this side started; the worker calls `parentTransport`. One call, one connection. The link
 * ends when the worker ends; ending the link does not end the worker.
 *
 * @example
 * const worker = new Worker(new URL("./worker.js", import.meta.url));
 * bus.connect(workerTransport(worker), { peer: { role: "host" } });
 */
export function workerTransport(worker: WorkerLike): Transport {
  let opened = false;
  return {
    name: "worker",
    medium: "clone",
    moves: true,
    shares: sharesMemory(worker),
    redials: false,
    open(events) {
      if (opened) throw new TypeError("Cannot open a worker transport twice: call workerTransport again");
      opened = true;
      return inviteWorker(worker, events);
    },
  };
}

function inviteWorker(worker: WorkerLike, events: ConnectionEvents): Connection {
  const { port1, port2 } = new MessageChannel();
  const lock = worker.on ? undefined : `atomiton:worker:${newId(systemRandom)}`;
  let why: string | undefined;
  let leaveLine: (() => void) | undefined;
  let portClosed: CloseCause | undefined;
  let exitTimer: unknown;
  let ended = false;
  const stopListening = worker.on
    ? listen(worker, "exit", (code) => {
        why = `The worker ended with exit code ${String(code)}; start another one and connect it`;
        if (portClosed !== undefined) end({ ...portClosed, reason: why });
      })
    : listen(worker, "error", (event: { message?: unknown }) => {
        // A plain event: the script could not be loaded. An uncaught error carries a message, and its worker lives on.
        if (event.message === undefined) end({ kind: "gone", reason: "The worker did not start", mayRetry: false });
      });
  const end = (cause: CloseCause): void => {
    if (ended) return;
    ended = true;
    clearTimeout(exitTimer);
    stopListening();
    leaveLine?.();
    connection.close(cause.reason);
    events.onClose(cause);
  };
  /** A turn later: frames that the worker posted with its last breath come by another way than the lock. */
  const terminated = (): void => end({ kind: "gone", reason: "The worker has ended", mayRetry: false });
  const watched = relay(events, {
    onFrame(frame) {
      if (lock && (frame as unknown) === LOCK) leaveLine = awaitLock(lock, () => setTimeout(terminated));
      else if (!ended) events.onFrame(frame);
    },
    onClose(cause) {
      if (cause.kind !== "gone" || why) return end(cause.kind === "gone" && why ? { ...cause, reason: why } : cause);
      if (!worker.on || cause.reason !== PORT_CLOSED) return end(cause);
      portClosed = cause;
      exitTimer = setTimeout(() => end(cause), EXIT_MS);
    },
  });
  const connection = portTransport(port1).open(watched);
  if (worker.threadId === -1) {
    queueMicrotask(() => end({ kind: "gone", reason: "The worker has ended already", mayRetry: false }));
  } else worker.postMessage({ [INVITATION]: port2, [LOCK]: lock }, [port2]);
  return connection;
}

/**
 * Speaks, inside a worker or a forked process, with the one who started it and called `workerTransport` or
 * `childTransport`. Call it at the top level of the script, before anything is awaited: an invitation that nobody hears
 * is gone.
 *
 * Throws TypeError elsewhere.
 *
 * @example
 * bus.connect(parentTransport());
 */
export function parentTransport(): Transport {
  return invitedBy(parentOfWorker());
}

/** Waits for the invitation of `parent`: what `parentTransport` does where the parent is known. */
export function invitedBy(parent: WorkerLike): Transport {
  let invited: ((port: PortLike, lock: string | undefined) => void) | undefined;
  let early: (() => void) | undefined;
  const stop = listen(parent, "message", (value: unknown) => {
    const invitation = invitationIn(value);
    if (!invitation || taken.has(invitation)) return;
    taken.add(invitation);
    stop();
    if (invited) invited(invitation[INVITATION], invitation[LOCK]);
    else early = () => invited?.(invitation[INVITATION], invitation[LOCK]);
  });
  let opened = false;
  return {
    name: "worker",
    medium: "clone",
    moves: true,
    shares: sharesMemory(parent),
    redials: false,
    open(events) {
      if (opened) throw new TypeError("Cannot open a parent transport twice: call parentTransport again");
      opened = true;
      let connection: Connection | undefined;
      let letGo: (() => void) | undefined;
      let closed = false;
      const accept = (port: PortLike): void => {
        const onClose = (cause: CloseCause): void => {
          letGo?.();
          events.onClose(cause);
        };
        if (closed) return letGo?.();
        // Told when there is a connection: what is sent inside `onOpen` would be lost.
        connection = portTransport(port).open(relay(events, { onOpen: () => undefined, onClose }));
        events.onOpen();
      };
      invited = (port, lock) => {
        if (lock === undefined) return accept(port);
        void holdLock(lock).then((release) => {
          letGo = release;
          port.postMessage(LOCK);
          accept(port);
        });
      };
      early?.();
      return {
        send: (frame, moves) => connection?.send(frame, moves) ?? true,
        close(reason = "closed") {
          if (connection) return connection.close(reason);
          if (closed) return;
          closed = true;
          stop();
          queueMicrotask(() => events.onClose({ kind: "local", reason, mayRetry: false }));
        },
      };
    },
  };
}

/** An invitation is for one: the next transport waits for the next one. */
const taken = new WeakSet<Invitation>();

interface Invitation {
  readonly [INVITATION]: PortLike;
  readonly [LOCK]?: string;
}

/** Node hands over the message itself, pages an event around it. */
function invitationIn(value: unknown): Invitation | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const message = ("data" in value ? value.data : value) as Partial<Invitation> | null;
  if (typeof message !== "object") return undefined;
  return typeof message?.[INVITATION]?.postMessage === "function" ? (message as Invitation) : undefined;
}

function relay(events: ConnectionEvents, instead: Partial<ConnectionEvents>): ConnectionEvents {
  return {
    onOpen: () => events.onOpen(),
    onFrame: (frame) => events.onFrame(frame),
    onDrain: () => events.onDrain(),
    onClose: (cause) => events.onClose(cause),
    ...instead,
  };
}

interface Surroundings {
  readonly process?: ChannelLike & {
    getBuiltinModule?(name: string): { readonly parentPort: WorkerLike | null } | undefined;
  };
  readonly DedicatedWorkerGlobalScope?: abstract new () => unknown;
}

/** By globals alone: nothing is imported that the environment lacks. */
function parentOfWorker(): WorkerLike {
  const here = globalThis as Surroundings;
  const port = here.process?.getBuiltinModule?.("node:worker_threads")?.parentPort;
  if (port) return port;
  if (here.process?.send !== undefined) return forkedParent(here.process, (port) => ({ [INVITATION]: port }));
  const scope = here.DedicatedWorkerGlobalScope;
  if (scope && globalThis instanceof scope) return globalThis as unknown as WorkerLike;
  throw new TypeError(
    "Cannot connect to the parent: this is neither a worker nor a forked process; call parentTransport in such a script",
  );
}

/** Threads of Node do; workers of a page where it is cross-origin isolated, and then they are too. */
function sharesMemory(thread: WorkerLike): boolean {
  return thread.on !== undefined || (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === true;
}

/** `on` first: EventEmitters of Node have both, and tell `exit` only there. */
function listen(target: WorkerLike, type: string, hear: (value: any) => void): () => void {
  if (target.on) target.on(type, hear);
  else target.addEventListener?.(type, hear);
  return () => {
    if (target.on) target.removeListener?.(type, hear);
    else target.removeEventListener?.(type, hear);
  };
}
