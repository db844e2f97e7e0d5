/** A contender in a process of its own: no other one's heap, hooks or compiled code changes what it costs. */
import { fork } from "node:child_process";

import type { Sample } from "./measure.ts";

/** What the harness asks, here or in another process. */
export interface Probe {
  readonly bytes: number | undefined;
  sample(units: number, minMs: number): Promise<Sample>;
  close(): Promise<void>;
}

export interface Task {
  readonly units: number;
  readonly minMs: number;
}
/** A contender that does not answer, or lost a unit and waits for it, ends the run. */
const ANSWER_MS = 120_000;
/** Some peers never finish to close. */
const CLOSE_MS = 5_000;
export type Answer = { ready: { bytes?: number } } | { sample: Sample } | { error: string };

/** `file`: the bench file, which the process imports; it ends with `close`, or when this process does. */
export async function openApart(file: string, question: string, contender: string): Promise<Probe> {
  const child = fork(new URL("apart-child.ts", import.meta.url), [file, question, contender], {
    execArgv: ["--conditions=@atomiton/source"],
    serialization: "advanced",
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const answer = (): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const heard = (message: unknown): void => settle(() => resolve(message as Answer));
      const gone = (code: number | null): void =>
        settle(() => reject(new Error(`${contender}: its process ended with ${code}`)));
      const late = setTimeout(() => {
        child.kill("SIGKILL");
        settle(() => reject(new Error(`${contender}: no answer in ${ANSWER_MS / 1_000} s`)));
      }, ANSWER_MS);
      const settle = (how: () => void): void => {
        clearTimeout(late);
        child.off("exit", gone).off("message", heard);
        how();
      };
      child.on("exit", gone).on("message", heard);
    });
  const first = await answer();
  if (!("ready" in first)) {
    child.kill();
    throw new Error(`${contender}: ${"error" in first ? first.error : "no answer"}`);
  }
  return {
    bytes: first.ready.bytes,
    async sample(units, minMs) {
      child.send({ units, minMs } satisfies Task);
      const got = await answer();
      if (!("sample" in got)) throw new Error("error" in got ? got.error : "no sample");
      return got.sample;
    },
    async close() {
      if (child.connected) child.disconnect();
      const late = setTimeout(() => child.kill("SIGKILL"), CLOSE_MS);
      await exited;
      clearTimeout(late);
    },
  };
}
