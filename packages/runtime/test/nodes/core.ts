import type { AnyNodeDef } from "../../src/blueprint/define-node.ts";
import { coreNodes } from "../../src/nodes/index.ts";
import { runNode } from "../../src/testing.ts";
import type { RunNodeOptions, RunNodeResult } from "../../src/testing.ts";

export function core(type: string): AnyNodeDef {
  const found = coreNodes.find((def) => def.type === `core/${type}`);
  if (!found) throw new Error(`no node core/${type}`);
  return found;
}

export const run = (type: string, options?: RunNodeOptions): Promise<RunNodeResult> => runNode(core(type), options);
