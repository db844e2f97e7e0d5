/** Rules of one node that need no other: inputs, effect, body, use. */

import type { AnyNodeDef, Effect } from "./define-node.ts";
import { effectOf, STRENGTH } from "./effect.ts";
import type { Blueprint, NodeDecl } from "./model.ts";
import { formatPortType } from "./port-type.ts";
import type { NodePorts } from "./ports.ts";
import { LOOP_TYPES, type Report } from "./scope.ts";
import { nearest } from "./suggest.ts";

/** A required input that is not wired; where a wire has a name that is near, that is what was meant. */
export function checkMissing(decl: NodeDecl, ports: NodePorts, where: string, report: Report): void {
  const isExtra = (name: string): boolean => (ports.open ? !ports.inputs.get(name)?.def : !ports.inputs.has(name));
  const extra = [...decl.in.keys()].filter(isExtra);
  for (const port of ports.inputs.values()) {
    if (decl.in.has(port.name)) continue;
    const near = extra.length === 0 ? undefined : nearest(port.name, extra);
    // Where only declared inputs are allowed, the wire itself has been refused with the name that was meant.
    if (near !== undefined && !ports.open) continue;
    const type = formatPortType(port.type);
    const at =
      (near === undefined ? undefined : decl.positions.get(`in.${near}`)) ?? decl.positions.get("in") ?? decl.at;
    const place = `${where}.in.${near ?? port.name}`;
    if (port.required) {
      const way =
        near === undefined
          ? `; write in: { ${port.name}: node.port }`
          : `, but "${near}" is; did you mean "${port.name}"?`;
      report(
        "MISSING_INPUT",
        place,
        at,
        `Cannot run "${decl.id}": its input "${port.name}" (${type}) is not wired${way}`,
      );
    } else if (near !== undefined && !isRead(decl, near)) {
      report(
        "UNKNOWN_PORT",
        place,
        at,
        `The wire "${near}" of "${decl.id}" has no use: nothing there reads it; did you mean its input "${port.name}" (${type})?`,
        "warning",
      );
    }
  }
}

/** Whether an expression of the node may name the wire. */
const isRead = (decl: NodeDecl, wire: string): boolean =>
  JSON.stringify([decl.with, decl.when, decl.idempotencyKey]).includes(wire) || decl.body !== undefined;

export function checkEffect(decl: NodeDecl, def: AnyNodeDef, where: string, report: Report): void {
  const own = effectOf(def, decl.with);
  if (!decl.effect || STRENGTH[decl.effect] >= STRENGTH[own]) return;
  const keyed = own === "write" && decl.effect === "idempotent";
  if (keyed && decl.idempotencyKey !== undefined) return;
  const way = keyed
    ? "give an idempotencyKey, which makes a second run harmless"
    : `only a stronger effect may be named, so leave it at ${own}`;
  report(
    "EFFECT",
    `${where}.effect`,
    decl.positions.get("effect") ?? decl.at,
    `Cannot weaken the effect of "${decl.id}" from ${own} to ${decl.effect}: the type decides; ${way}`,
  );
}

export function checkBody(decl: NodeDecl, def: AnyNodeDef, where: string, report: Report): void {
  if (LOOP_TYPES.has(def.type) === (decl.body !== undefined)) return;
  if (decl.body)
    report(
      "CONFIG",
      `${where}.body`,
      decl.positions.get("body") ?? decl.at,
      `Cannot give "${decl.id}" a body: ${def.type} is no loop; use core/forEach or core/while, or remove it`,
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
