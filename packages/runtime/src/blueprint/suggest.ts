/** Edits between two words: insert, delete, replace, swap of neighbours. Words longer than 64 are never near. */
function distance(a: string, b: string): number {
  if (a.length > 64 || b.length > 64) return Infinity;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (before[j - 2] ?? 0) + 1);
      row.push(best);
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? Infinity;
}

/** Words that one suggestion looks at: a graph with thousands of wrong wires must still be checked at once. */
const COMPARED = 500;

/** The known word that was most likely meant, or undefined when none is near. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const limit = word.length < 2 ? 0 : Math.max(1, Math.floor(word.length / 3));
  const lower = word.toLowerCase();
  let found: string | undefined;
  let least = limit + 1;
  let compared = 0;
  for (const candidate of known) {
    if (Math.abs(candidate.length - word.length) >= least) continue;
    if (++compared > COMPARED) break;
    const edits = candidate.toLowerCase() === lower ? 0 : distance(lower, candidate.toLowerCase());
    if (edits < least) [found, least] = [candidate, edits];
  }
  return found;
}

/** How many names a message lists before it says how many more there are. */
const LISTED = 12;

/** `did you mean "x"?`, or what there is to choose from. `one of` reads best after a semicolon. */
export function wayOut(word: string, known: Iterable<string>, none: string): string {
  const all = [...known];
  const near = nearest(word, all);
  if (near !== undefined) return `did you mean "${near}"?`;
  if (all.length === 0) return none;
  const more = all.length > LISTED ? `, and ${all.length - LISTED} more` : "";
  return `use one of ${all.slice(0, LISTED).join(", ")}${more}`;
}
