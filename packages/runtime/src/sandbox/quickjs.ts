/**
 * Code that nobody trusts, in an engine of its own inside WebAssembly. It has the language and `console.log`, and nothing
 * of the host: values go in and out as JSON. Time is watched while it runs; memory is the engine's own limit. An engine
 * that was stopped is thrown away.
 */
import variant from "@jitl/quickjs-singlefile-mjs-release-sync";
import { newQuickJSWASMModuleFromVariant, type QuickJSContext, type QuickJSWASMModule } from "quickjs-emscripten-core";

import { isNodeError } from "../errors.ts";
import { boundedPrint, codeFailed, memoryIsUp, timeIsUp, VALUE_BYTES, type Budget } from "./budget.ts";

/** Of its own stack: the host's, on which it stands, holds more. */
const STACK_BYTES = 128 * 1024;

let engine: Promise<QuickJSWASMModule> | undefined;

/**
 * Runs the body of an async function with `names` as its parameters, and gives what it returns, as JSON has it.
 * Throws `NodeError`: `CODE_ERROR` (it threw, cannot be read, or waits for what never comes), `TIME_LIMIT`,
 * `OUT_OF_MEMORY`. Blocks its thread until then.
 */
export async function runSandboxed(
  code: string,
  names: Readonly<Record<string, unknown>>,
  budget: Budget,
): Promise<unknown> {
  const given = JSON.stringify(names);
  if (given.length > VALUE_BYTES) throw memoryIsUp(VALUE_BYTES);
  const quickjs = await (engine ??= newQuickJSWASMModuleFromVariant(variant));
  const runtime = quickjs.newRuntime();
  runtime.setMemoryLimit(budget.memoryBytes);
  runtime.setMaxStackSize(STACK_BYTES);
  const until = performance.now() + budget.timeMs;
  let isLate = false;
  runtime.setInterruptHandler(() => (isLate ||= performance.now() > until));
  const context = runtime.newContext();
  let isSound = false;
  try {
    offerPrint(context, boundedPrint(budget.print));
    offerGiven(context, given);
    const parameters = Object.keys(names).join(", ");
    const run = `(() => {
  const given = JSON.parse(__given); delete globalThis.__given;
  const make = async (${parameters}) => {\n${code}\n};
  globalThis.__state = "waits";
  make(...Object.values(given)).then(
    (value) => { const text = JSON.stringify(value); __state = "done"; __result = text === undefined ? "" : text; },
    (error) => { __state = "failed"; __result = error instanceof Error ? error.name + ": " + error.message + (error.stack ? "\\n" + error.stack : "") : String(error); });
})()`;
    const begun = context.evalCode(run, "code.js");
    const jobs = begun.error ? undefined : runtime.executePendingJobs();
    const fault = begun.error ?? jobs?.error;
    if (fault) throw faultOf(context.dump(fault), isLate, budget);
    begun.dispose();
    if (isLate) throw timeIsUp(budget.timeMs);
    const state = textOf(context, "__state");
    const result = textOf(context, "__result");
    isSound = true;
    if (state === "done") return result === "" ? undefined : (JSON.parse(result) as unknown);
    if (state === "waits")
      throw codeFailed("it waits for a promise that nothing settles; there are no timers and no I/O here");
    throw faultOf(result, isLate, budget);
  } catch (error) {
    if (isNodeError(error)) throw error;
    // The engine itself gave up: its memory or the host's stack was not enough for it.
    const { name, message } = error as Error;
    throw codeFailed(`${name}: ${message}`);
  } finally {
    // A stopped engine cannot be put away in order: what it holds goes with it.
    if (isSound && !isLate) {
      context.dispose();
      runtime.dispose();
    } else engine = undefined;
  }
}

function offerPrint(context: QuickJSContext, print: (line: string) => void): void {
  const log = context.newFunction("log", (...args) =>
    print(
      args
        .map((arg) => (context.typeof(arg) === "string" ? context.getString(arg) : JSON.stringify(context.dump(arg))))
        .join(" "),
    ),
  );
  const console = context.newObject();
  for (const name of ["log", "info", "warn", "error", "debug"]) context.setProp(console, name, log);
  context.setProp(context.global, "console", console);
  log.dispose();
  console.dispose();
}

function offerGiven(context: QuickJSContext, given: string): void {
  const text = context.newString(given);
  context.setProp(context.global, "__given", text);
  text.dispose();
}

function textOf(context: QuickJSContext, name: string): string {
  const handle = context.getProp(context.global, name);
  const text = context.typeof(handle) === "string" ? context.getString(handle) : "";
  handle.dispose();
  return text;
}

function faultOf(thrown: unknown, isLate: boolean, { timeMs, memoryBytes }: Budget): Error {
  if (isLate) return timeIsUp(timeMs);
  const { name = "", message = thrown } = (typeof thrown === "object" && thrown !== null ? thrown : {}) as {
    name?: string;
    message?: unknown;
  };
  const text = name === "" ? String(message) : `${name}: ${String(message)}`;
  if (/^InternalError: (out of memory|string too long)/.test(text)) return memoryIsUp(memoryBytes);
  if (text.startsWith("InternalError: interrupted")) return timeIsUp(timeMs);
  return codeFailed(text.split("\n", 1)[0]!);
}
