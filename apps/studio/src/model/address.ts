/**
 * What the page reads from and writes to the fragment of its address. A fragment is never sent to a server, yet it is
 * shown, copied and kept in history: so the token is taken out at once, and `run` too, or a reload would run again.
 */

export interface Address {
  readonly token?: string | undefined;
  /** Id of the Blueprint that is open. */
  readonly open?: string | undefined;
  /** The execution that is watched. */
  readonly execution?: string | undefined;
  /** Start the opened Blueprint once. */
  readonly run: boolean;
  /** A recording that the server has, in the place of a host; and the record to begin at. */
  readonly recording?: string | undefined;
  readonly at?: number | undefined;
}

export function readAddress(hash: string): Address {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const text = (name: string): string | undefined => fields.get(name) || undefined;
  const recording = text("recording");
  const at = Number.parseInt(fields.get("at") ?? "", 10);
  return {
    token: text("token"),
    open: text("open"),
    execution: text("execution"),
    run: fields.get("run") === "1",
    ...(recording === undefined ? {} : { recording }),
    ...(at >= 0 ? { at } : {}),
  };
}

/** The fragment that brings another page, or this one after a reload, to the same view. Holds no token. */
export function writeAddress(view: Pick<Address, "open" | "execution" | "recording">): string {
  const fields = new URLSearchParams();
  if (view.recording !== undefined) fields.set("recording", view.recording);
  if (view.open !== undefined) fields.set("open", view.open);
  if (view.execution !== undefined) fields.set("execution", view.execution);
  const text = fields.toString();
  return text === "" ? "" : `#${text}`;
}
