import type { PlanNode, Template } from "./plan.ts";
import { pathOf, type Scope } from "./scope.ts";

/** An instance of a scope that is open. */
export function instanceAt(root: Scope, path: string): { scope: Scope; node: PlanNode } | undefined {
  const work = [root];
  for (let scope = work.pop(); scope; scope = work.pop()) {
    const { nodes } = scope.template;
    const node = nodes.find(({ id, name }) => path.endsWith(name) && pathOf(scope!, id) === path);
    if (node) return { scope, node };
    for (const child of scope.children) if (path.startsWith(child.prefix)) work.push(child);
  }
  return undefined;
}

/** The node that a path names, whatever the items in it. */
export function nodeAt(root: Template, path: string): PlanNode | undefined {
  let template: Template | undefined = root;
  let found: PlanNode | undefined;
  for (const name of path.replace(/\[[^\]]*\]/g, "").split("/")) {
    found = template?.nodes.find((node) => node.name === name);
    template = found?.child;
    if (!found) return undefined;
  }
  return found;
}
