/** One thread or process of the pool: started, watched, and ended for good. */
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

import { EventBus, type CommandsOf, type EventsOf, type Transport } from "@atomiton/events";
import { childTransport, workerTransport } from "@atomiton/events/node";

import { NodeError } from "../errors.ts";
import { openEnvironment } from "../secrets/index.ts";
import { poolContract } from "./contract.ts";

export type MemberKind = "thread" | "process";
export type PoolBus = EventBus<EventsOf<typeof poolContract>, CommandsOf<typeof poolContract>>;

export interface Member {
  readonly kind: MemberKind;
  readonly memoryMiB: number;
  readonly bus: PoolBus;
  /** Resolves with what ended it, when nothing of it runs any more. */
  readonly ended: Promise<NodeError>;
  readonly hasEnded: boolean;
  /** What it writes on its own stdout and stderr. */
  onText: (stream: "stdout" | "stderr", text: string) => void;
  /** Ends it, whatever it does. Resolves when it is gone. */
  kill(): Promise<void>;
}

/** Beside this file, as source and as built; bundles put it beside themselves. */
const ENTRY = import.meta.url.endsWith(".ts")
  ? new URL("../node-worker.ts", import.meta.url)
  : new URL(import.meta.url.endsWith("/pool/member.js") ? "../node-worker.js" : "./node-worker.js", import.meta.url);
const SOURCE_ARGS = import.meta.url.endsWith(".ts")
  ? ["--conditions=@atomiton/source", "--disable-warning=ExperimentalWarning"]
  : [];

export function startMember(kind: MemberKind, memoryMiB: number): Member {
  return kind === "thread" ? startThread(memoryMiB) : startProcess(memoryMiB);
}

function startThread(memoryMiB: number): Member {
  const worker = new Worker(ENTRY, {
    execArgv: SOURCE_ARGS,
    env: openEnvironment() as NodeJS.ProcessEnv,
    resourceLimits: { maxOldGenerationSizeMb: memoryMiB },
    stdout: true,
    stderr: true,
  });
  let why: NodeError | undefined;
  worker.on("error", (error: Error & { code?: string }) => {
    why =
      error.code === "ERR_WORKER_OUT_OF_MEMORY"
        ? gone(
            "OUT_OF_MEMORY",
            `its thread needed more than ${memoryMiB} MiB; raise its resources.memory, or give it less at once`,
          )
        : gone("WORKER_CRASHED", `its thread ended by an error that nobody caught: ${error.message}`, { cause: error });
  });
  const ended = new Promise<NodeError>((resolve) => {
    worker.on("exit", (code) =>
      resolve(
        why ?? gone("WORKER_EXITED", `its thread ended with exit code ${code}; a node returns, it does not exit`),
      ),
    );
  });
  return makeMember("thread", memoryMiB, workerTransport(worker), ended, worker, async () => {
    await worker.terminate();
  });
}

function startProcess(memoryMiB: number): Member {
  const child: ChildProcess = fork(fileURLToPath(ENTRY), [], {
    execArgv: [...SOURCE_ARGS, `--max-old-space-size=${memoryMiB}`],
    serialization: "advanced",
    // In Electron the program is a browser unless it is told to be Node.
    env: { ...openEnvironment(), ...("electron" in process.versions ? { ELECTRON_RUN_AS_NODE: "1" } : {}) },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    // A group of its own: what it started ends with it.
    detached: process.platform !== "win32",
  });
  let notStarted: Error | undefined;
  const ended = new Promise<NodeError>((resolve) => {
    const end = (code: number | null, signal: string | null): void => {
      const how = notStarted ? notStarted.message : signal === null ? `exit code ${code}` : signal;
      resolve(gone("WORKER_EXITED", `its process ended with ${how}`, { exit: { code, signal } }));
    };
    child.on("exit", end);
    child.on("error", (error) => {
      notStarted = error;
      if (child.pid === undefined) end(null, null);
    });
  });
  return makeMember("process", memoryMiB, childTransport(child), ended, child, async () => {
    try {
      if (child.pid !== undefined) process.kill(process.platform === "win32" ? child.pid : -child.pid, "SIGKILL");
    } catch {
      // It has gone already.
    }
    await ended;
  });
}

function makeMember(
  kind: MemberKind,
  memoryMiB: number,
  transport: Transport,
  ended: Promise<NodeError>,
  streams: Pick<Worker | ChildProcess, "stdout" | "stderr">,
  kill: () => Promise<void>,
): Member {
  // Its end is told by `ended`: nothing else needs to know that the link is gone.
  const bus: PoolBus = new EventBus({ contract: poolContract, role: "host", connect: false, onError: () => {} });
  bus.connect(transport, { peer: { role: "member", grants: ["*"] } });
  let hasEnded = false;
  const member: Member = {
    kind,
    memoryMiB,
    bus,
    ended,
    get hasEnded() {
      return hasEnded;
    },
    onText: () => {},
    kill,
  };
  void ended.then(() => {
    hasEnded = true;
    return bus.close();
  });
  for (const name of ["stdout", "stderr"] as const) {
    streams[name]?.setEncoding("utf8").on("data", (text: string) => member.onText(name, text));
  }
  return member;
}

function gone(
  code: string,
  why: string,
  more: { cause?: unknown; exit?: { code: number | null; signal: string | null } } = {},
): NodeError {
  const { cause, exit } = more;
  const of = code === "OUT_OF_MEMORY" ? "resource" : "process";
  return new NodeError(
    `Cannot finish the node: ${why}`,
    { code, class: of, retryable: true, ...(exit ? { exit } : {}) },
    cause === undefined ? {} : { cause },
  );
}
