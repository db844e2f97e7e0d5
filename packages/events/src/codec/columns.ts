/**
 * How a list of values (a column) stands in a frame: a kind, then what the kind needs. The count is known before. Text
 * stands apart, all of a frame in one piece. docs/protocol.md draws it.
 */
export const COLUMN = {
  /** Each value as a column of its own. */
  mixed: 0,
  undefined: 1,
  null: 2,
  false: 3,
  true: 4,
  /** One bit each, the lowest first. */
  booleans: 5,
  /** Differences from the value before, the first from 0, as zigzag varints. */
  integers: 6,
  /** The first as f64, then differences as zigzag varints. */
  longs: 7,
  doubles: 8,
  /** A column of one, a value that is no object, stands for all. */
  same: 9,
  /** Lengths in UTF-16 units. */
  texts: 10,
  /** 0 and a length; 1 and a length: kept in the next place of the dictionary; a place there plus 2. */
  dictionary: 11,
  /** Lengths, then the bytes. */
  bytes: 12,
  /** A column of lengths, then one of all items. */
  lists: 13,
  /** Objects of the layout: a bit for each optional field that any of them has, then a column for each such field. */
  laidOut: 14,
  /** Objects with the same names: how many, the names as a column, then a column for each. */
  named: 15,
  /** A bit for each that is undefined (or null), then a column of the others. */
  someUndefined: 16,
  someNull: 17,
  /** What payload.ts lowered, of one kind: the kind, how many fields, a column for each. Read as what it stands for. */
  lowered: 18,
} as const;

/** A dictionary keeps so many texts of at most so many units, then begins anew. */
export const DICTIONARY_PLACES = 1_024;
export const DICTIONARY_UNITS = 64;

/** A frame stands for at most this many values: so that few bytes cannot become a heap. */
export function mostCells(bytes: number): number {
  return 4_096 + 64 * bytes;
}

/** A list of that length, for the caller to fill from the front. */
export function slots<T>(count: number): T[] {
  // oxlint-disable-next-line unicorn/no-new-array -- a length is meant, and Array.from is ten times slower
  return new Array<T>(count);
}
