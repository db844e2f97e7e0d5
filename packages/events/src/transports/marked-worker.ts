const MARK = "atomiton:bus";

interface WorkerOptionsLike {
  readonly name?: string;
  readonly workerData?: unknown;
}

/**
 * Options for a worker whose `new EventBus()` connects by itself to the one who started it. Without them a worker's bus
 * leaves the worker's channel alone: it may be anybody's.
 *
 * In a page the mark is the worker's name. Bundlers that read the options in the source want it there in plain.
 * In Node the mark is a field of `workerData`: throws TypeError where that is something else than an object.
 *
 * @example
 * const worker = new Worker(new URL("./worker.js", import.meta.url), markedWorker()); // Node
 * const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "atomiton:bus" }); // a page
 * bus.connect(workerTransport(worker));
 */
export function markedWorker<T extends object = object>(options?: T): T & { name: string; workerData: any } {
  const { name, workerData = {} } = (options ?? {}) as WorkerOptionsLike;
  if (typeof workerData !== "object" || workerData === null || Array.isArray(workerData)) {
    throw new TypeError("Cannot mark a worker: its workerData is no object to put the mark in; wrap it in one");
  }
  const marked = name === undefined ? MARK : `${MARK} ${name}`;
  return { ...(options as T), name: marked, workerData: { ...workerData, [MARK]: true } };
}

interface WorkerGlobals {
  readonly name?: unknown;
  readonly DedicatedWorkerGlobalScope?: abstract new () => unknown;
  readonly process?: { getBuiltinModule?(name: string): { readonly workerData?: unknown } | undefined };
}

/** Was this worker started with `markedWorker`? False where this is no worker. */
export function isMarkedWorker(here: WorkerGlobals = globalThis as WorkerGlobals): boolean {
  const scope = here.DedicatedWorkerGlobalScope;
  if (scope && here instanceof scope) return typeof here.name === "string" && here.name.split(" ")[0] === MARK;
  const data = here.process?.getBuiltinModule?.("node:worker_threads")?.workerData;
  return typeof data === "object" && data !== null && (data as { readonly [MARK]?: unknown })[MARK] === true;
}
