import { fork, type ChildProcess } from "node:child_process";

import type { Contender } from "./harness.ts";

export interface Other extends Required<Pick<Contender, "otherCpuUs">> {
  readonly child: ChildProcess;
  /** The next message that `take` finds something in. */
  next<T>(take: (message: any) => T | undefined): Promise<T>;
  close(): Promise<void>;
}

/** Starts process-peer.ts as one contender. */
export function otherProcess(kind: string, serialization: "json" | "advanced" = "json"): Other {
  const child = fork(new URL("./process-peer.ts", import.meta.url), {
    env: { ...process.env, BENCH_KIND: kind },
    execArgv: ["--conditions=@atomiton/source"],
    serialization,
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const next: Other["next"] = (take) =>
    new Promise((resolve, reject) => {
      const hear = (message: unknown): void => {
        const found = take(message);
        if (found === undefined) return;
        child.off("message", hear);
        child.off("exit", gone);
        resolve(found);
      };
      const gone = (code: number | null): void => reject(new Error(`The process of "${kind}" ended with ${code}`));
      child.on("message", hear);
      child.once("exit", gone);
    });
  return {
    child,
    next,
    async otherCpuUs() {
      const cpu = next((message: { cpuUs?: number }) => message.cpuUs);
      child.send({ ask: "cpu" });
      return await cpu;
    },
    async close() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Counts what comes until a run is complete. */
export class Count {
  #heard = 0;
  #wanted = Number.POSITIVE_INFINITY;
  #done: (count: number) => void = () => undefined;

  readonly hear = (): void => {
    this.#heard++;
    if (this.#heard === this.#wanted) this.#done(this.#heard);
  };

  until(wanted: number, begin: () => void): Promise<number> {
    return new Promise((resolve) => {
      this.#heard = 0;
      this.#wanted = wanted;
      this.#done = resolve;
      begin();
    });
  }
}
