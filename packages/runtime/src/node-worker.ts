/** What a thread or process of the pool runs: it loads a node and runs it, one at a time, with the host's context. */
import { isMainThread } from "node:worker_threads";

import { EventBus } from "@atomiton/events";
import { parentTransport } from "@atomiton/events/node";

import type { AnyNodeDef } from "./blueprint/define-node.ts";
import { faultOf, poolContract, type Result, type Task } from "./pool/contract.ts";
import { remoteContext, type HostCalls, type RemoteContext } from "./pool/remote-context.ts";
import { errorOf } from "./pool/run-on.ts";
import { endWithParent } from "./process/end-with-parent.ts";

const bus = new EventBus({ contract: poolContract, role: "member", connect: false });
let controller = new AbortController();
/** What runs now. */
let remote: RemoteContext | undefined;

const host: HostCalls = {
  async call(method, ...args) {
    const answer: Result = await bus.request("pool:call", { method, args });
    if ("fault" in answer) throw errorOf(answer.fault);
    return answer.value as unknown;
  },
  tell(method, ...args) {
    bus.emit("pool:tell", { method, args });
  },
  onSpawned: (hear) => bus.on("pool:spawned", ({ call, stream, text }) => hear(call, stream, text)),
};

bus.on("pool:abort", ({ reason, kind, graceMs }) => {
  const why = errorOf(reason);
  controller.abort(Object.assign(why, { kind, graceMs }));
});

bus.on("pool:config", ({ config, changed }) => remote?.reconfigure(config, changed));

bus.handle("pool:run", async (task): Promise<Result> => {
  controller = new AbortController();
  try {
    // Before it is loaded: from here on its configuration may change.
    const own = remoteContext(host, task.facts, task.inputs, task.config, controller.signal);
    remote = own;
    const def = await load(task);
    const value = await def.run(own.ctx);
    await own.flush();
    // What it told comes before its end.
    await bus.flush();
    return { value };
  } catch (error) {
    await bus.flush();
    return { fault: faultOf(error) };
  } finally {
    remote = undefined;
  }
});

async function load({ module, type, version }: Task): Promise<AnyNodeDef> {
  const found: unknown[] =
    module === "core"
      ? [...(await import("./nodes/index.ts")).coreNodes]
      : Object.values((await import(module)) as Record<string, unknown>).flatMap((one) =>
          Array.isArray(one) ? (one as unknown[]) : [one],
        );
  const def = (found as (AnyNodeDef | null | undefined)[]).find((one) => one?.type === type && one.version === version);
  if (def) return def;
  throw new Error(`Cannot run ${type} ${version}: "${module}" does not export it; export it by name`);
}

// The host has gone: nobody waits for what is done here.
process.on("disconnect", () => process.exit(0));
// A node that never lets go of the event loop would not hear it.
if (isMainThread) endWithParent();
bus.connect(parentTransport(), { peer: { role: "host", grants: ["*"] } });
