import { readdir, readFile } from "node:fs/promises";

/** First and longest pause between two looks at a group, ms. There is no event for "the group is empty". */
const FIRST_LOOK_MS = 2;
const LONGEST_LOOK_MS = 50;

/** To every process of the group; to the program alone where groups do not exist. Never throws. */
export function signalGroup(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(process.platform === "win32" ? pid : -pid, signal);
  } catch {
    // ESRCH: gone. EPERM: a member has changed its user; its exit is waited for all the same.
  }
}

/** Resolves true as soon as nothing of the group runs, false when `withinMs` have passed. */
export async function groupIsGone(pid: number, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  for (let pause = FIRST_LOOK_MS; ; pause = Math.min(pause * 2, LONGEST_LOOK_MS)) {
    if (!(await hasMembers(pid))) return true;
    const left = deadline - performance.now();
    if (left <= 0) return false;
    await new Promise((resolve) => setTimeout(resolve, Math.min(pause, left)));
  }
}

async function hasMembers(pid: number): Promise<boolean> {
  try {
    process.kill(process.platform === "win32" ? pid : -pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
  // A container's first process may never reap orphans: their zombies still count for kill(2), but run nothing.
  return process.platform === "linux" ? await hasLiveMember(pid) : true;
}

async function hasLiveMember(group: number): Promise<boolean> {
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    // `pid (name) state ppid pgrp …`: the name may hold spaces and parentheses, so from the last one on.
    const [state, , pgrp] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (Number(pgrp) === group && state !== "Z" && state !== "X") return true;
  }
  return false;
}
