/** The host's process as main sees it: there, or about to be there again. */
import { utilityProcess, type UtilityProcess } from "electron";

import { END } from "./words.ts";

/** First pause before a host that ended by itself is started again; doubled up to LONGEST_PAUSE_MS. */
const PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 10_000;
/** A host that lived this long was well: its next end is a first one again. */
const WELL_AFTER_MS = 30_000;
/** What runs may take so long to be cancelled when the app quits. */
const END_LIMIT_MS = 5_000;

export class HostProcess {
  readonly #script: string;
  readonly #args: readonly string[];
  #child: UtilityProcess | undefined;
  #pauseMs = PAUSE_MS;
  #again: NodeJS.Timeout | undefined;
  #ending: Promise<void> | undefined;

  constructor(script: string, args: readonly string[]) {
    this.#script = script;
    this.#args = args;
    this.#start();
  }

  /** Undefined while it is down. */
  get child(): UtilityProcess | undefined {
    return this.#child;
  }

  /** Resolves when it is gone. Idempotent. */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  #start(): void {
    const startedAt = Date.now();
    const child = utilityProcess.fork(this.#script, [...this.#args], { serviceName: "Atomiton host" });
    this.#child = child;
    child.once("exit", (code) => {
      this.#child = undefined;
      if (this.#ending !== undefined) return;
      if (Date.now() - startedAt > WELL_AFTER_MS) this.#pauseMs = PAUSE_MS;
      console.error(`The host ended with code ${code}; it is started again in ${this.#pauseMs} ms`);
      this.#again = setTimeout(() => this.#start(), this.#pauseMs);
      this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
    });
  }

  async #end(): Promise<void> {
    clearTimeout(this.#again);
    const child = this.#child;
    if (child === undefined) return;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.postMessage(END);
    const late = setTimeout(() => child.kill(), END_LIMIT_MS);
    await gone;
    clearTimeout(late);
  }
}
