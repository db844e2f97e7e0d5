const MARK = "ATOMITON_BUS_PARENT";

type Environment = Readonly<Record<string, string | undefined>>;

interface ChildOptionsLike {
  readonly env?: Environment | undefined;
}

/** What is read of the global `process`. */
interface ProcessLike {
  readonly pid: number;
  readonly ppid?: number;
  readonly env: Environment;
  readonly send?: unknown;
}

const ownProcess = (): ProcessLike | undefined => (globalThis as { process?: ProcessLike }).process;

/**
 * Options for a forked child whose `new EventBus()` connects by itself to the one who forked it, over a channel that
 * carries every value that the bus does. The mark names the parent: the child's own children do not inherit it.
 *
 * @example
 * const child = fork("host.js", [], markedChild({ cwd }));
 * bus.connect(childTransport(child));
 */
export function markedChild<T extends object = object>(
  options?: T,
): T & { env: Record<string, string | undefined>; serialization: "advanced" } {
  const here = ownProcess();
  const env = { ...((options as ChildOptionsLike | undefined)?.env ?? here?.env), [MARK]: String(here?.pid) };
  return { ...(options as T), env, serialization: "advanced" };
}

/** Was this process forked, with `markedChild`, by the one who is its parent now? */
export function isMarkedChild(here: ProcessLike | undefined = ownProcess()): boolean {
  return here?.send !== undefined && here.ppid !== undefined && here.env[MARK] === String(here.ppid);
}
