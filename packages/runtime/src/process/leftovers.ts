import { census } from "./census.ts";

/**
 * Linux: SIGKILL to every process that an execution started and a dead host left, wherever it has gone: such processes
 * carry the execution's id. For the one host that has the execution now, before it starts anything. Returns how many.
 */
export async function killLeftovers(executionId: string): Promise<number> {
  if (process.platform !== "linux") return 0;
  const mark = Buffer.from(`ATOMITON_EXEC=${executionId}`).toString("latin1");
  let killed = 0;
  for (const running of await census()) {
    if (running.pid === process.pid || !(await running.environ()).split("\0").includes(mark)) continue;
    try {
      process.kill(running.pid, "SIGKILL");
      killed++;
    } catch {
      // It has ended by itself, or is somebody else's.
    }
  }
  return killed;
}
