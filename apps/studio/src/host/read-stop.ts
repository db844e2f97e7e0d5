import type { Val } from "@atomiton/runtime/contract";

import type { Steered } from "./host.ts";

/** As the host names the values of a stop: `in.rows`, `config`, `out.file`, `error`. */
const NAMES =
  "[$map($keys(in), function($k) { 'in.' & $k }), $exists(config) ? 'config', $map($keys(out), function($k) { 'out.' & $k }), $exists(error) ? 'error']";

/** The values of a stop that this page did not hear of: names first, then each by its reference, so that a large one does not hide the others. */
export async function readStop(steered: Steered, stopId: string): Promise<Record<string, Val>> {
  const { value } = await steered.inspect({ eval: NAMES, stopId });
  const names = value.t === "json" ? (value.v as string[]) : [];
  const values: Record<string, Val> = {};
  for (const name of names) values[name] = (await steered.inspect({ ref: `${stopId}.${name}` })).value;
  return values;
}
