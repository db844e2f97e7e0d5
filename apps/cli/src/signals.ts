import { exitCode } from "./cli-error.ts";

const CODES = { SIGINT: exitCode.interrupted, SIGTERM: exitCode.terminated, SIGHUP: 129 } as const;
const WORDS = { SIGINT: "Ctrl-C", SIGTERM: "SIGTERM", SIGHUP: "SIGHUP: its terminal was closed" } as const;
/** A second signal asks for an end now; what hangs beyond this is left to the system. */
const LAST_RESORT_MS = 2_000;

export interface InterruptSteps {
  /** End in good order. `by`: what asked for it, in a person's words. */
  first(code: number, by: string): void;
  /** Give nobody time any more. */
  second(code: number): void;
}

/** Ctrl-C, a polite kill, a closed terminal: first in good order, then at once, then the process ends whatever hangs. */
export function onInterrupt(steps: InterruptSteps): () => void {
  let heard = 0;
  let lastResort: NodeJS.Timeout | undefined;
  const hear = (signal: NodeJS.Signals): void => {
    const code = CODES[signal as keyof typeof CODES];
    heard += 1;
    if (heard === 1) steps.first(code, WORDS[signal as keyof typeof WORDS]);
    else if (heard === 2) {
      lastResort = setTimeout(() => process.exit(code), LAST_RESORT_MS);
      lastResort.unref();
      steps.second(code);
    } else process.exit(code);
  };
  const signals = Object.keys(CODES) as (keyof typeof CODES)[];
  for (const signal of signals) process.on(signal, hear);
  return () => {
    for (const signal of signals) process.off(signal, hear);
    clearTimeout(lastResort);
  };
}
