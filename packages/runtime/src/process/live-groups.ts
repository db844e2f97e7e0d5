import type { Group } from "./group.ts";

/** Groups that this process started and has not seen end. The operating system's, so one set a process. */
const live = new Set<Group>();

/** Call the result when the group is gone. */
export function trackGroup(group: Group): () => void {
  live.add(group);
  return () => live.delete(group);
}

/**
 * SIGKILL to every program that nodes of this process have started, with its group. For the end of the process alone,
 * when nobody waits for a grace any more: synchronous, so that an exit handler can call it. What has left its group is
 * not reached; a cancel in good order reaches it.
 * @example
 * process.on("exit", killLiveGroups);
 */
export function killLiveGroups(): void {
  for (const { pid } of live) {
    try {
      process.kill(process.platform === "win32" ? pid : -pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}
