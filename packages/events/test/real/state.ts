import type { Gap, Meta } from "../../src/index.ts";

interface Change {
  readonly n: number;
  readonly add: number;
  readonly sum?: number | undefined;
}

/** A state that is kept by a snapshot and the changes behind it: a hole or a double would make it wrong, and is told. */
export class State {
  n = -1;
  sum = 0;
  snapshots = 0;
  /** Reasons of the gaps, in order. */
  readonly gaps: string[] = [];
  readonly faults: string[] = [];

  readonly hear = ({ n, add, sum }: Change, { snapshot }: Pick<Meta, "snapshot">): void => {
    if (snapshot === true) {
      this.snapshots += 1;
      this.n = n;
      this.sum = sum ?? NaN;
      return;
    }
    if (n !== this.n + 1 && this.faults.length < 10) this.faults.push(`change ${n} came behind ${this.n}`);
    this.n = n;
    this.sum += add;
  };

  readonly gap = ({ reason }: Gap): void => void this.gaps.push(reason);
}
