import { Worker } from "node:worker_threads";

/** From the parent's death to its child's. */
const LOOK_MS = 500;

/** Its event loop is its own: it looks on also while the process never gets to its own. */
const WATCH = `
const { parent, lookMs, isGroup } = require("node:worker_threads").workerData;
const isGone = () => {
  if (process.ppid !== parent) return true;
  try { process.kill(parent, 0); } catch (error) { return error.code === "ESRCH"; }
  return false;
};
setInterval(() => { if (isGone()) process.kill(isGroup ? -process.pid : process.pid, "SIGKILL"); }, lookMs);
`;

/**
 * Ends this process when its parent has died, whatever it does by then, an endless loop included; with it the group
 * that it leads. For processes that are started with `detached`, which no signal of a terminal reaches.
 */
export function endWithParent(): void {
  const worker = new Worker(WATCH, {
    eval: true,
    execArgv: [],
    workerData: { parent: process.ppid, lookMs: LOOK_MS, isGroup: process.platform !== "win32" },
    resourceLimits: { maxOldGenerationSizeMb: 16 },
  });
  worker.unref();
}
