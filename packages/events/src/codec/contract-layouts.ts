import type { Contract } from "../core/contract.ts";
import { defsOf } from "../core/define-contract.ts";
import { jsonSchemaOf } from "../core/json-schema.ts";
import { layoutOf, type Layout } from "./layout.ts";

/** The layout of each event of the contracts that has one, by name, in the order of the names. */
export function layoutsOf(contracts: readonly Contract[]): Record<string, Layout> {
  const rows = contracts.flatMap(({ table }) =>
    Object.entries(table).flatMap(([name, entry]) =>
      defsOf(entry).flatMap((def) =>
        def.kind === "event" ? [[name, layoutOf(jsonSchemaOf(def.payload))] as const] : [],
      ),
    ),
  );
  return Object.fromEntries(rows.filter(([, layout]) => layout !== null).sort(([a], [b]) => (a < b ? -1 : 1)));
}
