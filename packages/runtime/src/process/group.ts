/**
 * Everything that a program has started: its process group and, on Linux, what left the group (`setsid`, daemons). These
 * are known by a mark in their environment, which children inherit; only a program that empties its environment is lost.
 */
import { census, startOf, type Running } from "./census.ts";

/** Environment variable of the mark. */
export const GROUP_MARK = "ATOMITON_GROUP";
/** First and longest pause between two looks at a group, ms. There is no event for "the group is empty". */
const FIRST_LOOK_MS = 2;
const LONGEST_LOOK_MS = 50;

export interface Group {
  /** Of the program, which leads the group. */
  readonly pid: number;
  readonly mark: string;
  /** When the program began, in ticks of the census: nothing that it started is older. 0 where that is not known. */
  readonly startedAt: number;
}

/** The group of a program that has just been started. */
export function groupOf(pid: number, mark: string): Group {
  return { pid, mark, startedAt: process.platform === "linux" ? startOf(pid) : 0 };
}

/** To every process of the group; to the program alone on Windows, which has no groups. Never throws. */
export async function signalGroup(group: Group, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  const send = (pid: number): void => {
    try {
      process.kill(pid, signal);
    } catch {
      // ESRCH: gone. EPERM: it has changed its user; its exit is waited for all the same.
    }
  };
  send(process.platform === "win32" ? group.pid : -group.pid);
  if (process.platform === "linux") for (const pid of await members(group)) send(pid);
}

/** Resolves true as soon as nothing of the group runs, false when `withinMs` have passed. */
export async function groupIsGone(group: Group, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  for (let pause = FIRST_LOOK_MS; ; pause = Math.min(pause * 2, LONGEST_LOOK_MS)) {
    if (!(await isAlive(group))) return true;
    const left = deadline - performance.now();
    if (left <= 0) return false;
    await new Promise((resolve) => setTimeout(resolve, Math.min(pause, left)));
  }
}

async function isAlive(group: Group): Promise<boolean> {
  if (process.platform === "linux") return (await members(group)).length > 0;
  try {
    process.kill(process.platform === "win32" ? group.pid : -group.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/** Linux. What has not left the group, and of what began later whatever carries the mark. */
async function members(group: Group): Promise<number[]> {
  const entry = `${GROUP_MARK}=${group.mark}\0`;
  const isMember = async (one: Running): Promise<boolean> => {
    if (one.group === group.pid) return true;
    return one.startedAt >= group.startedAt && (await one.environ()).includes(entry);
  };
  const all = await census();
  const found = await Promise.all(all.map(isMember));
  return all.filter((_, index) => found[index]).map(({ pid }) => pid);
}
