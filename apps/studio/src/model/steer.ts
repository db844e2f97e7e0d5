/** What may be asked of an execution in its state, and why not. */
import type { Execution } from "./execution.ts";
import { isTerminal } from "./execution.ts";

export type Action = "pause" | "pauseNow" | "resume" | "over" | "into" | "out";

/** What this page may do at its host. Nothing until the host was asked. */
export interface Rights {
  /** Pause, resume, step, cancel, answer, configure. */
  readonly control: boolean;
  /** Breakpoints. */
  readonly debug: boolean;
}
export const noRights: Rights = { control: false, debug: false };

/** Why it cannot be asked for now; undefined where it can. */
export function whyNot(action: Action, { state, stops }: Execution, isLive: boolean): string | undefined {
  if (!isLive) return "not connected";
  if (isTerminal(state)) return `it is ${state}`;
  if (state === "queued") return "it has not begun";
  if (state === "cancelling") return "it is being cancelled";
  const isHeld = state === "pausing" || state === "paused";
  switch (action) {
    case "pause":
      return isHeld ? `it is ${state} already` : undefined;
    case "pauseNow":
      return state === "paused" ? "it is paused already" : undefined;
    case "resume":
      return isHeld || stops.size > 0 ? undefined : "it is running";
    case "over":
    case "into":
    case "out":
      if (stops.size > 0 || state === "paused") return undefined;
      return state === "pausing" ? "it is still pausing" : "it is running: pause it first";
  }
}

/** Instances that a pause waits for, the innermost: what holds others runs as long as they do. */
export function atWork({ instances }: Execution): readonly string[] {
  const running: string[] = [];
  const holders = new Set<string>();
  for (const [path, { state }] of instances) {
    if (state !== "running" && state !== "held" && state !== "ready") continue;
    if (state === "running") running.push(path);
    // `a[1]/b/c` is held by `a` and by `a[1]/b`.
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
      const holder = path.slice(0, at);
      holders.add(holder);
      if (holder.endsWith("]")) holders.add(holder.slice(0, holder.lastIndexOf("[")));
    }
  }
  return running.filter((path) => !holders.has(path));
}
