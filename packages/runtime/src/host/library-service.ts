import type { NodeCatalog } from "../blueprint/catalog.ts";
import type { RuntimeBus } from "../contract.ts";
import type { Library } from "../library/index.ts";
import type { ExecutionEntry, Runtime } from "../runtime.ts";
import { describeNode } from "./describe.ts";
import { exposed } from "./refusals.ts";

export interface LibraryServiceOptions {
  readonly bus: RuntimeBus;
  readonly runtime: Runtime;
  readonly library: Library;
  readonly catalog: NodeCatalog;
}

/** Answers `library@1`. Returns the function that takes it back. */
export function serveLibrary({ bus, runtime, library, catalog }: LibraryServiceOptions): () => void {
  const answer = async <T>(run: () => T | Promise<T>): Promise<T> => {
    try {
      return await run();
    } catch (error) {
      throw exposed(error);
    }
  };
  const stops = [
    bus.handle("library:blueprints", () => answer(async () => ({ blueprints: await library.list() }))),
    bus.handle("library:blueprint", ({ id }) => answer(() => library.describe(id))),
    bus.handle("library:nodes", () => answer(() => ({ nodes: catalog.all().map(describeNode) }))),
    bus.handle("library:executions", () => answer(() => ({ executions: newestFirst(runtime.executions()) }))),
    runtime.on(({ type, data }) => {
      const isChange =
        type === "runtime:started" || type === "runtime:completed" || (type === "runtime:error" && data.terminal);
      if (isChange) bus.emit("library:changed", { what: "executions", ids: [data.executionId] });
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

function newestFirst(executions: ExecutionEntry[]): ExecutionEntry[] {
  return executions.toSorted((a, b) => (b.queuedAt ?? 0) - (a.queuedAt ?? 0));
}
