/** Whether it pays to look the texts of one field up in the dictionary. */
export interface Luck {
  hits: number;
  misses: number;
  /** Columns that go without it before it is tried again. */
  rest: number;
}

/** Texts met before, by their place. What a frame adds counts when the frame is made. */
export class Dictionary {
  places: Map<string, number> = new Map<string, number>();
  epoch = 0;
  readonly #lucks = new Map<unknown, Luck>();

  /** By layout or field name; bounded by the contract and by `LUCKS`. */
  luckOf(site: unknown): Luck {
    let luck = this.#lucks.get(site);
    if (luck === undefined) {
      if (this.#lucks.size >= LUCKS) this.#lucks.clear();
      luck = { hits: 0, misses: 0, rest: 0 };
      this.#lucks.set(site, luck);
    }
    return luck;
  }
}

const LUCKS = 1_024;
/** After so many misses, more than there were hits, a field rests for so many columns. */
export const TRIES = 16;
export const REST = 64;
