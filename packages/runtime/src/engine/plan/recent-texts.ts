import { createHash } from "node:crypto";

/** Characters of the texts whose results are kept, all together; a longer text is read each time. */
const KEPT_CHARACTERS = 8 * 1024 * 1024;

/** What the last texts gave, the least recently used going first. The texts themselves are not kept. */
export class RecentTexts<T> {
  readonly #kept = new Map<string, { readonly result: T; readonly characters: number }>();
  #characters = 0;

  get(file: string, text: string): T | undefined {
    if (text.length > KEPT_CHARACTERS) return undefined;
    const key = keyOf(file, text);
    const known = this.#kept.get(key);
    if (!known) return undefined;
    this.#kept.delete(key);
    this.#kept.set(key, known);
    return known.result;
  }

  keep(file: string, text: string, result: T): void {
    if (text.length > KEPT_CHARACTERS) return;
    const key = keyOf(file, text);
    this.#forget(key);
    this.#kept.set(key, { result, characters: text.length });
    this.#characters += text.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#characters <= KEPT_CHARACTERS) break;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    this.#characters -= this.#kept.get(key)?.characters ?? 0;
    this.#kept.delete(key);
  }
}

const keyOf = (file: string, text: string): string => `${file}\0${createHash("sha256").update(text).digest("hex")}`;
