/** Code that its user trusts: the engine and the rights of the thread that it runs in, under a limit of time. */
import { createRequire } from "node:module";
import { join } from "node:path";
import { createContext, Script } from "node:vm";

import { boundedPrint, codeFailed, timeIsUp, type Budget } from "./budget.ts";

/**
 * Runs the body of an async function with `names` as its parameters, and gives what it returns. Memory is limited by the
 * thread. Throws `NodeError` `CODE_ERROR` and `TIME_LIMIT`; the signal's reason.
 */
export async function runTrusted(
  code: string,
  names: Readonly<Record<string, unknown>>,
  { timeMs, print }: Pick<Budget, "timeMs" | "print">,
  { cwd, signal }: { cwd: string; signal: AbortSignal },
): Promise<unknown> {
  const write = boundedPrint(print);
  const log = (...args: unknown[]): void =>
    write(args.map((arg) => (typeof arg === "string" ? arg : JSON.stringify(arg))).join(" "));
  const { Buffer, clearTimeout, fetch, setTimeout, structuredClone, TextDecoder, TextEncoder, URL } = globalThis;
  const context = createContext({
    Buffer,
    clearTimeout,
    fetch,
    process,
    setTimeout,
    structuredClone,
    TextDecoder,
    TextEncoder,
    URL,
    console: { log, info: log, warn: log, error: log, debug: log },
    require: createRequire(join(cwd, "code.js")),
    signal,
  });
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  try {
    const make = new Script(`(async (${Object.keys(names).join(", ")}) => {\n${code}\n})`, {
      filename: "code.js",
      lineOffset: -1,
    }).runInContext(context) as (...values: unknown[]) => Promise<unknown>;
    // Called from inside, so that the limit holds for what runs before the first await.
    context["__run"] = () => make(...Object.values(names));
    const result = new Script("__run()").runInContext(context, { timeout: timeMs }) as Promise<unknown>;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(timeIsUp(timeMs)), timeMs);
      onAbort = () => reject(signal.reason as Error);
      signal.addEventListener("abort", onAbort, { once: true });
    });
    return await Promise.race([result, late]);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const { code: known, name, message } = error as { code?: string; name?: string; message?: string };
    if (known === "ERR_SCRIPT_EXECUTION_TIMEOUT") throw timeIsUp(timeMs);
    if (name === "NodeError") throw error;
    throw codeFailed(name === undefined ? String(error) : `${name}: ${message ?? ""}`);
  } finally {
    clearTimeout(timer);
    if (onAbort) signal.removeEventListener("abort", onAbort);
  }
}
