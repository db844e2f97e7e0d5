/**
 * Pages are told neither that a worker died nor that a port's other end is gone. A lock tells: the worker holds it as
 * long as it lives, the page stands in line for it, and gets it when the worker is gone.
 *
 * Where there are no Web Locks (a page that is not served securely) the session's heartbeat finds out, later.
 */
interface Locks {
  request(name: string, options: { readonly signal?: AbortSignal }, held: () => Promise<void> | void): Promise<void>;
}

const locks = (): Locks | undefined => (globalThis as { navigator?: { locks?: Locks } }).navigator?.locks;

/** Resolves with the function that lets go, once the lock is held; at once where there are none. */
export async function holdLock(name: string): Promise<() => void> {
  const all = locks();
  if (!all) return () => {};
  return new Promise((resolve) => {
    all.request(name, {}, () => new Promise<void>((letGo) => resolve(letGo))).catch(() => resolve(() => {}));
  });
}

/** Calls `gone` when whoever holds the lock is gone. Returns the function that leaves the line. */
export function awaitLock(name: string, gone: () => void): () => void {
  const leave = new AbortController();
  locks()
    ?.request(name, { signal: leave.signal }, gone)
    .catch(() => {
      // Left the line, or a sandbox without locks.
    });
  return () => leave.abort();
}
