/** A recording in the place of a host: it has Blueprints and runs to look at, and runs nothing. */
import type { Host } from "../host/host.ts";
import { noRights } from "../model/steer.ts";
import type { Player } from "./player.ts";

const NOTHING_RUNS = "A recording runs nothing: it shows what has happened.";

export function recordedHost(player: Player): Host {
  const { executions, blueprints } = player.index;
  return {
    onLink(hear) {
      hear({ at: "live" });
      return () => {};
    },
    onLibraryChange: () => () => {},
    blueprints: () => Promise.resolve([...blueprints.values()]),
    blueprint(id) {
      const found = blueprints.get(id);
      return found === undefined
        ? Promise.reject(new Error("This Blueprint is not in the recording."))
        : Promise.resolve(found);
    },
    executions: () => Promise.resolve(executions),
    nodes: () => Promise.resolve([]),
    rights: () => Promise.resolve(noRights),
    steer: () => undefined,
    execute() {
      throw new Error(NOTHING_RUNS);
    },
    cancel: () => Promise.reject(new Error(NOTHING_RUNS)),
    watch: (executionId, watcher) => player.watch(executionId, watcher),
    download: () => Promise.reject(new Error("a recording names files, but does not hold their bytes")),
    reconnect: () => {},
    close: () => player.close(),
  };
}
