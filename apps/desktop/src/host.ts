/**
 * The utility process: runs Blueprints and serves the pages that main sends here.
 *
 * Started with the folder of Blueprints and the folder of blobs. Told to end by the word END; what runs is cancelled.
 */
import { EventBus } from "@atomiton/events";
import { killLiveGroups, openBlobStore, Runtime, RuntimeIPC } from "@atomiton/runtime";
import { libraryContract, runtimeContract } from "@atomiton/runtime/contract";

import { END } from "./words.ts";

const [dir, blobFolder] = process.argv.slice(2);
if (dir === undefined || blobFolder === undefined) {
  throw new TypeError("Cannot start the host: it is given the folder of Blueprints and the folder of blobs");
}

const blobs = openBlobStore({ dir: blobFolder });
const runtime = new Runtime({ dir, blobs });
// A bus in a utility process takes the pages that main sends there.
const bus = new EventBus({ contracts: [runtimeContract, libraryContract], role: "host" });
const ipc = new RuntimeIPC({ runtime, bus });
ipc.initialize();

// A process that is ended leaves no programs of its nodes behind.
process.on("exit", killLiveGroups);
process.parentPort.on("message", ({ data }) => {
  if (data === END) void end();
});

// Ctrl-C in a terminal reaches this process too, before main's word.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void end());

let isEnding = false;
async function end(): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  // Executions end first, so that their last events still reach the pages.
  await runtime.close();
  await ipc.close();
  await bus.close();
  await blobs.close();
  process.exit(0);
}
