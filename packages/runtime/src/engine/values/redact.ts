/** Takes secrets out of everything that others may read, also in the forms that they commonly travel in. */
export type Redact = (text: string) => string;

const HIDDEN = "[secret]";
/** Shorter ones are looked for as they are only: their other forms would be found everywhere. */
const FORMS_FROM = 6;
/** Of the part of a Base64 text that does not depend on what stands around the secret. */
const CORE_FROM = 8;
/** Lines of a secret, as of a PEM key, that are hidden each for itself. */
const LINE_FROM = 8;

/** Undefined when there is nothing to hide, so that the usual run pays nothing. */
export function makeRedact(secrets: Readonly<Record<string, string>>): Redact | undefined {
  const found = new Set(Object.values(secrets).flatMap(formsOf));
  if (found.size === 0) return undefined;
  // The longest first: a form that contains another must go whole.
  const forms = [...found]
    .sort((a, b) => b.length - a.length)
    .map((form) => form.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  const pattern = new RegExp(forms.join("|"), "g");
  return (text) => text.replace(pattern, HIDDEN);
}

function formsOf(value: string): string[] {
  if (value === "") return [];
  if (value.length < FORMS_FROM) return [value];
  const lines = value.split(/\r?\n/).filter((line) => line.length >= LINE_FROM);
  const encoded = encodeURIComponent(value);
  const bytes = Buffer.from(value);
  return [
    value,
    ...lines,
    encoded,
    encoded.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()),
    new URLSearchParams([["", value]]).toString().slice(1),
    JSON.stringify(value).slice(1, -1),
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
    ...cores(bytes),
  ];
}

/** Base64 of the bytes wherever they stand in a longer text: `user:secret`, three ways; without what neighbours change. */
function cores(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const padded = Buffer.concat([Buffer.alloc(offset), bytes]);
    const whole = padded.toString("base64").replace(/=+$/, "");
    const from = [0, 2, 3][offset]!;
    const to = padded.length % 3 === 0 ? whole.length : whole.length - 1;
    const core = whole.slice(from, to);
    return core.length < CORE_FROM ? [] : [core, core.replaceAll("+", "-").replaceAll("/", "_")];
  });
}
