import type { PlanNode, Template } from "../plan/plan.ts";
import type { Attempt } from "../run/attempt.ts";
import { pathOf, type Scope } from "../run/scope.ts";
import { RUNNING } from "../run/states.ts";

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
  return nodesAlong(root, path)?.at(-1);
}

/** It has an instance for each item of a loop. */
export function isInLoop(root: Template, path: string): boolean {
  return (
    nodesAlong(root, path)
      ?.slice(0, -1)
      .some(({ kind }) => kind === "loop") ?? false
  );
}

/** From the outermost in; undefined where the Blueprint has no such node. */
function nodesAlong(root: Template, path: string): PlanNode[] | undefined {
  const found: PlanNode[] = [];
  let template: Template | undefined = root;
  for (const name of path.replace(/\[[^\]]*\]/g, "").split("/")) {
    const node: PlanNode | undefined = template?.nodes.find((one) => one.name === name);
    if (!node) return undefined;
    found.push(node);
    template = node.child;
  }
  return found;
}

/** Every attempt that is under way; none before the root scope is open. */
export function attemptsIn(root: Scope | undefined): Attempt[] {
  const all: Attempt[] = [];
  const work = root ? [root] : [];
  for (let scope = work.pop(); scope; scope = work.pop()) {
    all.push(...scope.attempts.values());
    work.push(...scope.children);
  }
  return all;
}

/** Nodes whose attempts run now. */
export function runningIn(root: Scope | undefined): string[] {
  return attemptsIn(root)
    .filter(({ node, stop, scope }) => node.kind === "node" && !stop && scope.state[node.id] === RUNNING)
    .map(({ path }) => path);
}
