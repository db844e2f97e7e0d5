/** Takes secrets out of everything that others may read. */
export type Redact = (text: string) => string;

const HIDDEN = "[secret]";

/** Undefined when there is nothing to hide, so that the usual run pays nothing. */
export function makeRedact(secrets: Readonly<Record<string, string>>): Redact | undefined {
  // The longest first: a secret that contains another must go whole.
  const values = [...new Set(Object.values(secrets))]
    .filter((value) => value !== "")
    .sort((a, b) => b.length - a.length);
  if (values.length === 0) return undefined;
  return (text) => values.reduce((clean, value) => clean.split(value).join(HIDDEN), text);
}
