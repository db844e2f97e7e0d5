import type { Scope } from "./scope.ts";

/** One instance that may run. */
export interface Ready {
  readonly scope: Scope;
  readonly node: number;
  readonly weight: number;
}

/** Longest way to the end first, then the older scope, then the node written first: the same run, the same order. */
function before(a: Ready, b: Ready): boolean {
  if (a.weight !== b.weight) return a.weight > b.weight;
  if (a.scope.seq !== b.scope.seq) return a.scope.seq < b.scope.seq;
  return a.node < b.node;
}

/** A binary heap: instances in the order in which they get slots. */
export class ReadyQueue {
  readonly #heap: Ready[] = [];

  get size(): number {
    return this.#heap.length;
  }

  push(entry: Ready): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (!before(entry, heap[up]!)) break;
      heap[at] = heap[up]!;
      at = up;
    }
    heap[at] = entry;
  }

  peek(): Ready | undefined {
    return this.#heap[0];
  }

  /** Everything, in order. */
  drain(): Ready[] {
    return Array.from({ length: this.#heap.length }, () => this.pop()!);
  }

  pop(): Ready | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (last === undefined || last === top) return top;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= heap.length) break;
      if (down + 1 < heap.length && before(heap[down + 1]!, heap[down]!)) down++;
      if (!before(heap[down]!, last)) break;
      heap[at] = heap[down]!;
      at = down;
    }
    heap[at] = last;
    return top;
  }
}
