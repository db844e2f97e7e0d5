import type { BlueprintInfo, GraphNode } from "../host/host.ts";

/** What can be drawn of a run whose Blueprint was not recorded: its nodes by their paths, without wires. */
export function bareBlueprint(
  { id, name, version }: { readonly id: string; readonly name: string; readonly version: string },
  paths: Iterable<string>,
): BlueprintInfo {
  const nodes = new Map<string, GraphNode>();
  for (const path of paths) {
    const steps = path.split("/");
    for (let depth = 1; depth <= steps.length; depth++) {
      const own = steps.slice(0, depth).join("/");
      const parent = steps.slice(0, depth - 1).join("/");
      if (!nodes.has(own)) nodes.set(own, bareNode(own, steps[depth - 1] ?? own, parent));
    }
  }
  return {
    id,
    name,
    version,
    file: "The Blueprint itself was not recorded",
    source: "",
    nodes: nodes.size,
    errors: 0,
    warnings: 0,
    changedAt: 0,
    inputs: [],
    outputs: [],
    problems: [],
    graph: { nodes: Array.from(nodes.values()), wires: [] },
  };
}

function bareNode(path: string, id: string, parent: string): GraphNode {
  const node = { id, path, uses: "", title: id, inputs: [], outputs: [], config: {}, line: 0 };
  return parent === "" ? node : { ...node, parent };
}
