import { objectSchema } from "./config-schema.ts";
import type { AnyNodeDef, Effect } from "./define-node.ts";

/** Stronger ones have the larger number. */
export const STRENGTH: Readonly<Record<Effect, number>> = { pure: 0, read: 1, idempotent: 2, write: 3 };

/** The effect of a node with this configuration, as its file has it. A setting that is an expression leaves it at the type's own. */
export function effectOf(def: AnyNodeDef, config: Readonly<Record<string, unknown>>): Effect {
  for (const [key, effects] of Object.entries(def.effectOf ?? {})) {
    const value = Object.hasOwn(config, key)
      ? config[key]
      : objectSchema(def.config)?.shape[key]?.safeParse(undefined).data;
    if (typeof value === "string" && Object.hasOwn(effects!, value)) return effects![value]!;
  }
  return def.effect;
}
