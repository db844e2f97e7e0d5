/** A node's expressions: whether JSONata can read them, and whether what they name will be there. */

import { RuntimeError } from "../errors.ts";
import { hasExpression } from "./check-config.ts";
import type { AnyNodeDef } from "./define-node.ts";
import { JSONATA_FUNCTIONS, type NameUse } from "./expression-names.ts";
import { compileExpression, type Expression, SCOPE_NAMES } from "./expression.ts";
import type { NodeDecl, Position } from "./model.ts";
import type { NodePorts } from "./ports.ts";
import { LOOP_TYPES, type Report, type Scope } from "./scope.ts";
import { wayOut } from "./suggest.ts";
import { compileTemplate, splitTemplate } from "./template.ts";

type Fail = (code: "EXPRESSION" | "UNKNOWN_SECRET" | "UNKNOWN_PORT", message: string, severity?: "warning") => void;

/** What expressions see that a node evaluates itself: secrets reach it through other configuration. */
const NODES_OWN = ["in", "run", "item", "index"];

export function checkExpressions(
  decl: NodeDecl,
  def: AnyNodeDef | undefined,
  scope: Scope,
  ports: NodePorts | undefined,
  report: Report,
): void {
  const raw = new Set<string>(def?.rawConfig ?? []);
  const inBody = scope.item !== undefined;
  const isLoop = decl.body !== undefined || (def !== undefined && LOOP_TYPES.has(def.type));
  const whole = new Set<string>(def?.expressions ?? []);
  for (const [key, value] of Object.entries(decl.with)) {
    if (whole.has(key)) checkWhole(`with.${key}`, value);
    // A loop's own configuration is evaluated for each item: `key: "${ item.sku }"`.
    else if (isLoop || !raw.has(key)) check(`with.${key}`, value, inBody || isLoop);
  }
  if (decl.when !== undefined) {
    check("when", decl.when, inBody);
    if (pieces(decl.when) > 1) {
      report(
        "EXPRESSION",
        `${scope.prefix}${decl.id}.when`,
        positionOf("when"),
        `Cannot use "${decl.when}" as a condition: it is a text of several parts, which is always true; write one \${ … }`,
      );
    }
  }
  check("idempotencyKey", decl.idempotencyKey, inBody);

  function positionOf(name: string): Position {
    for (let key = name; ; key = key.replace(/(?:\.[^.[]*|\[\d+\])$/, "")) {
      const found = decl.positions.get(key);
      if (found || !/[.[]/.test(key)) return found ?? decl.at;
    }
  }

  function check(name: string, value: unknown, items: boolean): void {
    if (typeof value === "string" ? !value.includes("${") : !hasExpression(value)) return;
    const { expressions } = compileTemplate(value, ({ where, message }) => {
      report("EXPRESSION", `${scope.prefix}${decl.id}.${name}${where}`, positionOf(name + where), message);
    });
    for (const { where, expression } of expressions) checkNames(expression, name + where, items, SCOPE_NAMES);
  }

  /** Texts that are JSONata from end to end, the `${ }` around them left to the writer's taste. */
  function checkWhole(name: string, value: unknown): void {
    if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) checkWhole(`${name}.${key}`, inner);
      return;
    }
    if (typeof value !== "string") return;
    try {
      checkNames(compileExpression(/^\s*\$\{([\s\S]*)\}\s*$/.exec(value)?.[1] ?? value), name, true, NODES_OWN);
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      report("EXPRESSION", `${scope.prefix}${decl.id}.${name}`, positionOf(name), error.message);
    }
  }

  function checkNames(expression: Expression, name: string, items: boolean, known: readonly string[]): void {
    const fail: Fail = (code, message, severity) =>
      report(code, `${scope.prefix}${decl.id}.${name}`, positionOf(name), message, severity);
    for (const use of expression.names.heads) checkName(use, expression, items, known, fail);
    for (const { name: variable } of expression.names.unbound) {
      fail(
        "EXPRESSION",
        `Cannot evaluate "${expression.text.trim()}": $${variable} is neither bound in it nor a function; ${wayOut(variable, JSONATA_FUNCTIONS, "bind it with :=")}`,
      );
    }
  }

  function checkName(use: NameUse, expression: Expression, items: boolean, known: readonly string[], fail: Fail): void {
    const text = expression.text.trim();
    if (use.nested) {
      if (use.name === "in" || use.name === "secrets") {
        fail(
          "EXPRESSION",
          `"${text}" reads "${use.name}" as a field of the item at hand; for the scope's own write $${use.name}`,
          "warning",
        );
      }
      return;
    }
    if (!known.includes(use.name)) {
      const node = scope.nodes.has(use.name);
      const way = node
        ? `an expression sees no other node: wire it (in: { ${use.next ?? "value"}: ${use.name}.${use.next ?? "port"} }) and write in.${use.next ?? "value"}`
        : decl.in.has(use.name)
          ? `write in.${use.name}`
          : `an expression here sees only ${known.join(", ")}; quote it if it is a text`;
      fail("EXPRESSION", `Cannot evaluate "${text}": it does not know "${use.name}"; ${way}`);
      return;
    }
    if ((use.name === "item" || use.name === "index" || use.name === "key") && !items) {
      fail(
        "EXPRESSION",
        `Cannot evaluate "${text}": "${use.name}" exists only in the body of a loop node; use in.port`,
      );
    } else if (use.name === "secrets") {
      checkSecret(use, text, fail);
    } else if (use.name === "in" && use.next !== undefined && !decl.in.has(use.next)) {
      const isPort = ports?.inputs.has(use.next) ?? false;
      const way = isPort
        ? `wire it: in: { ${use.next}: node.port }`
        : wayOut(use.next, decl.in.keys(), `wire it: in: { ${use.next}: node.port }`);
      fail("UNKNOWN_PORT", `Cannot evaluate "${text}": the input "${use.next}" of "${decl.id}" is not wired; ${way}`);
    }
  }

  function checkSecret(use: NameUse, text: string, fail: Fail): void {
    const { secrets } = scope.blueprint;
    if (use.next === undefined) {
      fail(
        "EXPRESSION",
        `Cannot evaluate "${text}": secrets are read one by one, by name; write secrets.${secrets[0] ?? "name"}`,
      );
    } else if (!secrets.includes(use.next)) {
      fail(
        "UNKNOWN_SECRET",
        `Cannot evaluate "${text}": \`secrets\` does not declare "${use.next}"; ${wayOut(use.next, secrets, `add it: secrets: [${use.next}]`)}`,
      );
    }
  }
}

/** How many parts a text has; more than one makes it a text. */
function pieces(text: string): number {
  try {
    return splitTemplate(text).length;
  } catch {
    return 0;
  }
}
