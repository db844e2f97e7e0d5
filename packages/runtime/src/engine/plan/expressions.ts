import type { AnyNodeDef } from "../../blueprint/define-node.ts";
import type { NodeDecl } from "../../blueprint/model.ts";
import { compileTemplate } from "../../blueprint/template.ts";
import { NodeError } from "../../errors.ts";
import type { Compiled } from "./plan.ts";

/** A text with `${ … }` in it, or a value that holds such texts. */
export function compileText(value: unknown): Compiled {
  const template = compileTemplate(value);
  const { isStatic, value: plain } = template;
  return {
    isStatic,
    evaluate: isStatic ? () => plain : (scope, signal) => template.evaluate(scope, signal ? { signal } : undefined),
  };
}

/** `when: "${ in.ok }"` and `when: in.ok` mean the same. */
export function compileCondition(text: string): Compiled {
  return compileText(text.includes("${") ? text : `\${ ${text} }`);
}

/** Nothing, empty and zero are no: so a missing field never lets a node run. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

interface CompiledConfig {
  staticConfig: unknown;
  config: Compiled | undefined;
  rawConfig: Readonly<Record<string, unknown>>;
}

/** A configuration without expressions is parsed once, when the Blueprint is compiled. */
export function compileConfig(decl: NodeDecl, def: AnyNodeDef): CompiledConfig {
  const raw: Record<string, unknown> = {};
  const rest: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(decl.with)) {
    ((def.rawConfig as readonly string[] | undefined)?.includes(key) ? raw : rest)[key] = value;
  }
  const config = compileText(rest);
  if (!config.isStatic) return { staticConfig: undefined, config, rawConfig: raw };
  const value = { ...(config.evaluate({ in: {}, run: {}, secrets: {}, vars: {} }) as object), ...raw };
  const parsed = def.config.safeParse(value);
  // What does not fit is said by the attempt, with its path: the check has warned before.
  return {
    staticConfig: parsed.success ? parsed.data : undefined,
    config: parsed.success ? undefined : { isStatic: true, evaluate: () => value },
    rawConfig: {},
  };
}

/** Throws `NodeError` CONFIG with every field that does not fit. */
export function parseConfig(def: AnyNodeDef, value: unknown): unknown {
  const parsed = def.config.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new NodeError(
    `Cannot configure ${def.type}: ${issuesText(parsed.error.issues)}; see the node's documentation`,
    { code: "CONFIG", class: "config", retryable: false },
  );
}

/** `at.a.path: what is wrong`, three of them at most. */
export function issuesText(
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): string {
  const shown = issues
    .slice(0, 3)
    .map(({ path, message }) => (path.length > 0 ? `${path.map(String).join(".")}: ${message}` : message));
  return shown.join("; ") + (issues.length > 3 ? `; and ${issues.length - 3} more` : "");
}
