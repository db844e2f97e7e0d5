/** An execution as it was when so many records of it were made: read from its journal, and nothing changed by it. */
import type { BlobAccess } from "../../blueprint/define-node.ts";
import { RuntimeError } from "../../errors.ts";
import { readRecords } from "../../journal/data-folder.ts";
import { Past, type InstancePast } from "../../journal/past.ts";
import { loadValues } from "../../journal/stored-values.ts";
import { shownAs, type Inspected, type InspectRequest } from "./inspect.ts";

/** Number of the last record that was read, beside the value. */
export type InspectedPast = Inspected & { readonly at: number };

/** Throws `INVALID_INPUT` for what is not recorded, `BLOB_LOST`, `JOURNAL`. */
export async function inspectPast(place: string, request: InspectRequest, blobs: BlobAccess): Promise<InspectedPast> {
  const past = new Past();
  let at = 0;
  const reader = { add: (...record: Parameters<Past["add"]>) => (at++, past.add(...record)) };
  await readRecords(place, reader, request.at);
  const { value, ref } = await read(past, at, request.target, blobs);
  return { ...shownAs(value, ref, undefined, request), at };
}

async function read(
  past: Past,
  at: number,
  target: InspectRequest["target"],
  blobs: BlobAccess,
): Promise<{ value: unknown; ref: string }> {
  if (!("path" in target)) throw unknown(`"${"ref" in target ? target.ref : target.eval}"`, at, "name it by its path");
  const { path, what, port } = target;
  const ref = `${path}@${at}.${port ?? what}`;
  if (path === "" && what === "timeline") {
    const nodes = Array.from(past.instances(), ([name, one]) => timeline(name, one));
    return { value: { state: stateOf(past), nodes }, ref };
  }
  const instance = past.find(path);
  if (!instance) throw unknown(`"${path}"`, at, "it had not begun, or what it was inside of was over");
  if (what === "timeline") return { value: timeline(path, instance), ref };
  if (what === "error") return { value: instance.settled?.error ?? null, ref };
  if (what !== "out") throw unknown(`${what} of "${path}"`, at, "outputs, errors and states are recorded; read those");
  const out = await loadValues(instance.settled?.out ?? {}, blobs);
  if (port === undefined) return { value: out, ref };
  if (Object.hasOwn(out, port)) return { value: out[port], ref };
  throw unknown(
    `out "${port}" of "${path}"`,
    at,
    `it held no value; there were ${Object.keys(out).join(", ") || "none"}`,
  );
}

function timeline(path: string, { at, attempt, settled }: InstancePast): Record<string, unknown> {
  const s = at === "final" ? settled!.s : at === "answered" ? "ready" : at;
  return { path, s, a: attempt, ...(settled?.why === undefined ? {} : { why: settled.why }) };
}

function stateOf({ terminal, cancel, pause, epoch }: Past): string {
  if (terminal) return terminal.s;
  return cancel ? "cancelling" : pause ? "paused" : epoch > 0 ? "running" : "queued";
}

function unknown(what: string, at: number, why: string): RuntimeError {
  return new RuntimeError("INVALID_INPUT", `Cannot inspect ${what} as it was at record ${at}: ${why}`, { at });
}
