/** Nodes of an execution of this process that wait for somebody: asked on the terminal, else said, once. */
import { createInterface } from "node:readline";

import { RuntimeError, type Runtime } from "@atomiton/runtime";
import type { RuntimeMessage } from "@atomiton/runtime/contract";

import type { ProgressDisplay } from "../show/progress-display.ts";
import { oneLine } from "../show/text.ts";
import { fieldsOf, readField } from "./answer-form.ts";

type StateEvent = Extract<RuntimeMessage, { type: "runtime:state" }>["data"];
type WaitInfo = NonNullable<StateEvent["waits"]>[number];

export interface AttendOptions {
  readonly runtime: Runtime;
  readonly display: ProgressDisplay;
  /** The folder that keeps the execution, where one does. */
  readonly data: string | undefined;
  /** Nothing can happen any more in this process. Called once; ends the execution. */
  readonly onStuck: (why: string) => void;
}

/** Returns what ends it. */
export function attendWaits({ runtime, display, data, onStuck }: AttendOptions): () => void {
  const canAsk = process.stdin.isTTY && process.stderr.isTTY;
  const told = new Set<string>();
  let id = "";
  let open: readonly WaitInfo[] = [];
  let asked: { readonly waitId: string; readonly stop: AbortController } | undefined;
  let hungUp = false;

  const next = (): void => {
    if (asked && !open.some(({ waitId }) => waitId === asked?.waitId)) asked.stop.abort();
    const wait = asked || hungUp ? undefined : open.find((one) => one.for === "input");
    if (!wait) return;
    asked = { waitId: wait.waitId, stop: new AbortController() };
    display.hold(true);
    void ask(wait, (value) => runtime.control(id).answer(wait.waitId, value), display, asked.stop.signal)
      .then((isAnswered) => (hungUp = !isAnswered))
      .finally(() => {
        asked = undefined;
        display.hold(false);
        next();
      });
  };
  const off = runtime.on(({ type, data: event }) => {
    if (type !== "runtime:state" || !("waits" in event) || event.waits === undefined) return;
    id = event.executionId;
    open = event.waits.filter((wait) => wait.for !== "time");
    for (const wait of open) {
      if (told.has(wait.waitId) || (canAsk && wait.for === "input")) continue;
      told.add(wait.waitId);
      display.line(waitLine(wait));
    }
    if (canAsk) next();
  });
  const onDry = (): void => onStuck(stuckText(open, id, data));
  process.once("beforeExit", onDry);
  return () => {
    off();
    process.off("beforeExit", onDry);
    open = [];
    asked?.stop.abort();
  };
}

/** `Waiting at "approve" for an answer (Publish this?) until 2030-01-01 10:00:00 UTC`. */
function waitLine(wait: WaitInfo): string {
  const until =
    wait.until === undefined
      ? ", without a timeout"
      : ` until ${new Date(wait.until).toISOString().slice(0, 19).replace("T", " ")} UTC`;
  return `Waiting at ${whatFor(wait)}${until}; nobody can give it here`;
}

function whatFor({ path, prompt, subject, for: what }: WaitInfo): string {
  const about = what === "event" ? `the event "${subject}"` : "an answer";
  return oneLine(`"${path}" for ${about}${prompt === undefined ? "" : ` (${prompt})`}`);
}

function stuckText(open: readonly WaitInfo[], id: string, data: string | undefined): string {
  if (open.length === 0) return "Cannot go on: nothing that runs can bring the execution to its end";
  const waits = open.slice(0, 5).map(whatFor).join(", ");
  const more = open.length > 5 ? ` and ${open.length - 5} more` : "";
  const kept =
    data === undefined
      ? "run it from a terminal, or with atomiton serve, or give the node a timeout with onTimeout"
      : `the execution is kept: atomiton serve --data ${data} goes on with it, or atomiton resume ${id} --data ${data} from a terminal; or give the node a timeout with onTimeout`;
  return `Cannot go on: it waits at ${waits}${more}, and nobody can give it here; ${kept}`;
}

/** Asks until the answer fits. False: whoever sat there has hung up (Ctrl-D). */
async function ask(
  { path, prompt, schema }: WaitInfo,
  answer: (value: unknown) => void,
  display: ProgressDisplay,
  signal: AbortSignal,
): Promise<boolean> {
  // The terminal edits the line itself: Ctrl-C stays the signal that it is.
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  const question = (text: string): Promise<string | undefined> =>
    new Promise((resolve) => {
      const hangUp = (): void => resolve(undefined);
      lines.once("close", hangUp);
      lines.question(text, (typed) => {
        lines.off("close", hangUp);
        resolve(typed);
      });
    });
  const close = (): void => lines.close();
  signal.addEventListener("abort", close, { once: true });
  try {
    display.line(oneLine(prompt ?? `"${path}" waits for an answer`));
    for (;;) {
      const values: [string, unknown][] = [];
      let whole: unknown;
      for (const field of fieldsOf(schema)) {
        let value: unknown;
        for (let isRead = false; !isRead;) {
          const typed = await question(`${oneLine(field.question)}: `);
          if (typed === undefined) return signal.aborted;
          try {
            value = readField(field, typed);
            isRead = true;
          } catch (error) {
            display.line(`Cannot read that: ${(error as Error).message}`);
          }
        }
        if (field.name === undefined) whole = value;
        else if (value !== undefined) values.push([field.name, value]);
      }
      try {
        answer(values.length > 0 || whole === undefined ? Object.fromEntries(values) : whole);
        return true;
      } catch (error) {
        if (!(error instanceof RuntimeError)) throw error;
        display.line(oneLine(error.message));
        if (error.code !== "INVALID_INPUT") return true;
      }
    }
  } finally {
    signal.removeEventListener("abort", close);
    lines.close();
  }
}
