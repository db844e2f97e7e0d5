/** A value as a person edits it: a text as it is, all else as JSON. */
import type { Val } from "@atomiton/runtime/contract";

export interface EditText {
  readonly text: string;
  /** It is read back as it is. */
  readonly isText: boolean;
}

/** `type`: of the port, which tells where there is no value yet. */
export function editText(val: Val | undefined, type: string): EditText {
  if (val?.t !== "json") return { text: "", isText: type === "string" };
  const { v } = val;
  return typeof v === "string" ? { text: v, isText: true } : { text: JSON.stringify(v, null, 2) ?? "", isText: false };
}

export function readEdit(text: string, isText: boolean): { readonly value: unknown } | { readonly message: string } {
  if (isText) return { value: text };
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return { message: `Not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
}
