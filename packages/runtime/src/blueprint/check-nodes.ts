/** Rules of one node that need no other: inputs, effect, body, use. */

import type { AnyNodeDef, Effect } from "./define-node.ts";
import type { Blueprint, NodeDecl } from "./model.ts";
import { formatPortType } from "./port-type.ts";
import type { NodePorts } from "./ports.ts";
import { LOOP_TYPES, type Report } from "./scope.ts";

export function checkMissing(decl: NodeDecl, ports: NodePorts, where: string, report: Report): void {
  for (const port of ports.inputs.values()) {
    if (!port.required || decl.in.has(port.name)) continue;
    report(
      "MISSING_INPUT",
      `${where}.in.${port.name}`,
      decl.positions.get("in") ?? decl.at,
      `Cannot run "${decl.id}": its input "${port.name}" (${formatPortType(port.type)}) is not wired; write in: { ${port.name}: node.port }`,
    );
  }
}

const STRENGTH: Record<Effect, number> = { pure: 0, read: 1, idempotent: 2, write: 3 };

export function checkEffect(decl: NodeDecl, def: AnyNodeDef, where: string, report: Report): void {
  if (!decl.effect || STRENGTH[decl.effect] >= STRENGTH[def.effect]) return;
  const keyed = def.effect === "write" && decl.effect === "idempotent";
  if (keyed && decl.idempotencyKey !== undefined) return;
  const way = keyed
    ? "give an idempotencyKey, which makes a second run harmless"
    : `only a stronger effect may be named, so leave it at ${def.effect}`;
  report(
    "EFFECT",
    `${where}.effect`,
    decl.positions.get("effect") ?? decl.at,
    `Cannot weaken the effect of "${decl.id}" from ${def.effect} to ${decl.effect}: the type decides; ${way}`,
  );
}

export function checkBody(decl: NodeDecl, def: AnyNodeDef, where: string, report: Report): void {
  if (LOOP_TYPES.has(def.type) === (decl.body !== undefined)) return;
  if (decl.body)
    report(
      "CONFIG",
      `${where}.body`,
      decl.positions.get("body") ?? decl.at,
      `Cannot give "${decl.id}" a body: ${def.type} is no loop; use core/forEach, or remove it`,
    );
  else
    report(
      "CONFIG",
      where,
      decl.at,
      `Cannot run the loop "${decl.id}": it has no body; write body: { nodes: …, outputs: … }`,
    );
}

export function checkSubConfig(decl: NodeDecl, where: string, report: Report): void {
  for (const key of Object.keys(decl.with)) {
    if (key === "path" && "type" in decl.uses) continue;
    report(
      "CONFIG",
      `${where}.with.${key}`,
      decl.positions.get(`with.${key}`) ?? decl.at,
      `Cannot configure "${decl.id}" with "${key}": a Blueprint used as a node has inputs only; make it an input, and wire it`,
    );
  }
  if (decl.body)
    report(
      "CONFIG",
      `${where}.body`,
      decl.positions.get("body") ?? decl.at,
      `Cannot give "${decl.id}" a body: it is a Blueprint, not a loop; remove it`,
    );
}

/** Nothing hears it and nothing changes by it. Nodes without outputs (log, fail) are there for what they do. */
export function isIdle(decl: NodeDecl, def: AnyNodeDef | Blueprint, ports: NodePorts): boolean {
  if (!("run" in def) || decl.body) return false;
  const effect: Effect = decl.effect ?? def.effect;
  const outputs = [...ports.outputs.keys()].filter((name) => name !== "error");
  return (effect === "pure" || effect === "read") && outputs.length > 0;
}
