/**
 * "Run from here": instances whose outputs another execution has already. Rules:
 * 1. An instance is taken over when its type (major and minor), its configuration, its folder and the content of its
 *    inputs are what they were; so what ran again to the same bytes does not make what follows run again.
 * 2. `at`, and what is inside of it, runs. `upstream`: of the rest only what leads there is taken over; `all-clean`: all.
 * 3. Loops and Blueprints open as always, and their instances are asked one by one. What reads or writes a stream runs.
 */
import { hash } from "node:crypto";

import type { BlobAccess } from "../../blueprint/define-node.ts";
import { RuntimeError } from "../../errors.ts";
import type { StoredFrom } from "../../journal/records.ts";
import type { Reusable } from "../../journal/reusable.ts";
import { loadValues } from "../../journal/stored-values.ts";
import { nodeAt } from "../control/locate.ts";
import type { PlanNode, Template } from "../plan/plan.ts";
import { contentHash } from "../values/content-hash.ts";
import type { Attempt } from "./attempt.ts";
import type { Values } from "./scope.ts";

const ITEMS = /\[[^\]]*\]/g;

/** Hash of what the outputs of an attempt depend on, once it is prepared. Undefined where that cannot be said. */
export function dependencyHash({ node, scope, prepared }: Attempt): string | undefined {
  if (node.kind !== "node" || node.readsStreams || node.streamsTo) return undefined;
  const config = contentHash(prepared!.config);
  if (config === undefined) return undefined;
  const { type, version } = node.def;
  const parts: unknown[] = [type, version.split(".", 2), scope.template.cwd, config];
  for (const name of Object.keys(prepared!.inputs).toSorted()) {
    const content = contentHash(prepared!.inputs[name]);
    if (content === undefined) return undefined;
    parts.push(name, content);
  }
  return hash("sha256", JSON.stringify(parts), "hex");
}

/** `outputs`: undefined where they are lost. */
export interface TakenOver {
  readonly h: string;
  readonly outputs: Promise<Values | undefined>;
}

export class Reuse {
  readonly #source: Reusable;
  readonly #blobs: BlobAccess;
  readonly #at: ReadonlySet<string>;
  /** Undefined: everything. */
  readonly #upstream: ReadonlySet<string> | undefined;

  /** Throws `INVALID_INPUT` where `at` names no node of the plan. */
  constructor(root: Template, { at, reuse, executionId }: StoredFrom, source: Reusable, blobs: BlobAccess) {
    const unknown = at.find((path) => !nodeAt(root, path));
    if (unknown !== undefined || (reuse === "upstream" && at.length === 0)) {
      const why = unknown === undefined ? "`at` names no node" : `the Blueprint has no node "${unknown}"`;
      throw new RuntimeError("INVALID_INPUT", `Cannot run from "${executionId}": ${why}; name the nodes to run again`);
    }
    this.#source = source;
    this.#blobs = blobs;
    this.#at = new Set(at);
    this.#upstream = reuse === "upstream" ? new Set(at.flatMap((path) => upstreamOf(root, path))) : undefined;
  }

  /** The outputs that the instance need not compute again; undefined where it is to run. */
  outputsOf(attempt: Attempt): TakenOver | undefined {
    const { path } = attempt;
    const around = pathsAround(path);
    if (around.some((one) => this.#at.has(one) || this.#at.has(one.replace(ITEMS, "")))) return undefined;
    const upstream = this.#upstream;
    if (upstream && !around.some((one) => upstream.has(one.replace(ITEMS, "")))) return undefined;
    const h = dependencyHash(attempt);
    const stored = h === undefined ? undefined : this.#source.outputsOf(path, h);
    // A blob that is lost makes its node run again.
    return stored && { h: h!, outputs: loadValues(stored, this.#blobs).catch(() => undefined) };
  }
}

/** `a/b[k]/c` → `a`, `a/b[k]`, `a/b[k]/c`, and `a/b` for what stands for all its items. */
function pathsAround(path: string): string[] {
  const parts = path.split("/");
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

/** Paths of the nodes that lead to one, in each Blueprint and loop around it. */
function upstreamOf(root: Template, path: string): string[] {
  const found: string[] = [];
  let template: Template | undefined = root;
  let prefix = "";
  for (const name of path.replace(ITEMS, "").split("/")) {
    const { nodes }: Template = template!;
    const node: PlanNode = nodes.find((one) => one.name === name)!;
    const seen = new Set<number>();
    const work = [node];
    for (let next = work.pop(); next; next = work.pop()) {
      const sources = next.inputs
        .flatMap((input) => input.sources)
        .flatMap((one) => (one.from === "node" ? one.node : []));
      for (const id of [...sources, ...next.after.map((after) => after.node)]) {
        if (seen.has(id)) continue;
        seen.add(id);
        work.push(nodes[id]!);
      }
    }
    for (const id of seen) found.push(prefix + nodes[id]!.name);
    prefix += `${name}/`;
    template = node.child;
  }
  return found;
}
