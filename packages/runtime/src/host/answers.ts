import { createHash } from "node:crypto";
import { serialize } from "node:v8";

import { RuntimeError } from "../errors.ts";

/** How long, and how many, answers are kept for callers that ask again. */
const KEPT_MS = 10 * 60_000;
const KEPT = 10_000;

interface Answer {
  readonly asked: string;
  readonly at: number;
  readonly reply: Promise<unknown>;
}

/**
 * Answers by `commandId`: a command that is sent again, over the same link or a new one, is not carried out again and
 * gets the first answer, failures included. Bounded in number and time.
 */
export class Answers {
  readonly #answers = new Map<string, Answer>();
  readonly #now: () => number;

  /** `now` gives milliseconds that only grow. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get size(): number {
    return this.#answers.size;
  }

  /** The remembered answer, or that of `run`. Throws `E_STATE` when the id was used for something else. */
  once<T>(commandId: string | undefined, name: string, input: unknown, run: () => Promise<T>): Promise<T> {
    if (commandId === undefined) return run();
    this.#forget();
    const asked = createHash("sha256").update(name).update(serialize(input)).digest("base64");
    const known = this.#answers.get(commandId);
    if (known === undefined) {
      const reply = run();
      // Whoever asks again hears of the failure; nobody may ever do so.
      reply.catch(() => {});
      this.#answers.set(commandId, { asked, at: this.#now(), reply });
      return reply;
    }
    if (known.asked === asked) return known.reply as Promise<T>;
    return Promise.reject(
      new RuntimeError(
        "E_STATE",
        `Cannot carry out ${name} as command "${commandId}": another command had this id; give each its own, or none`,
        { commandId },
      ),
    );
  }

  #forget(): void {
    const oldest = this.#now() - KEPT_MS;
    for (const [commandId, { at }] of this.#answers) {
      if (at >= oldest && this.#answers.size < KEPT) return;
      this.#answers.delete(commandId);
    }
  }
}
