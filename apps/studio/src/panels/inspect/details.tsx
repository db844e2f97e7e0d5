/** Right: the node that was clicked, or the Blueprint and its run. */
import type { ReactNode } from "react";

import type { BlueprintInfo } from "../../host/host.ts";
import { useStudioState } from "../../use-studio.ts";
import { NodeDetails } from "./node-details.tsx";
import { Overview } from "./overview.tsx";

export function Details({ blueprint }: { blueprint: BlueprintInfo }): ReactNode {
  const selected = useStudioState((state) => state.selected);
  const node = selected === undefined ? undefined : blueprint.graph.nodes.find(({ path }) => path === selected);
  return (
    <aside aria-label="Details" className="flex h-full min-h-0 flex-col overflow-y-auto">
      {node === undefined ? (
        <Overview blueprint={blueprint} />
      ) : (
        <NodeDetails key={node.path} node={node} blueprint={blueprint} />
      )}
    </aside>
  );
}
