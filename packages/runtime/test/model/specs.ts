/** Random Blueprints, as data that the interpreter runs and `toBlueprint` writes down. Every node reads nodes before it. */
import { dice, type Dice } from "./dice.ts";

/** `node.port`, `$item` or `$inputs.add`. */
export type Wire = string;

interface Named {
  readonly name: string;
  /** A node, or one of its ports. */
  readonly after: string | undefined;
}
/** Attempts that fail before one succeeds: first `flaky` by an error, then `hangs` by the timeout. */
export interface Work extends Named {
  readonly kind: "work";
  readonly many: readonly Wire[];
  /** A wire that it cannot do without. */
  readonly need: Wire | undefined;
  /** A wire that it runs without; with `when`, only with it. */
  readonly maybe: Wire | undefined;
  readonly when: boolean;
  readonly value: number;
  readonly flaky: number;
  readonly hangs: number;
  readonly steps: number;
  /** A `write` gives nothing: whoever says that it was done knows no more than that. */
  readonly effect: "pure" | "read" | "idempotent" | "write";
}
export interface Merge extends Named {
  readonly kind: "merge";
  readonly many: readonly Wire[];
  readonly mode: "all" | "any" | "zip" | "race";
}
export interface List extends Named {
  readonly kind: "list";
  readonly items: readonly number[];
}
/** Emits `count` numbers, unless its attempts fail before. */
export interface Source extends Named {
  readonly kind: "source";
  readonly count: number;
  readonly flaky: number;
}
export interface Collect extends Named {
  readonly kind: "collect";
  readonly many: readonly Wire[];
}
export interface Loop extends Named {
  readonly kind: "loop";
  readonly items: Wire;
  readonly add: Wire | undefined;
  readonly body: ScopeSpec;
  readonly onItemError: "fail" | "skip" | "collect";
  readonly concurrency: number;
  /** Its items are numbers, and named by them. */
  readonly isKeyed: boolean;
}
export interface Sub extends Named {
  readonly kind: "sub";
  readonly add: Wire | undefined;
  readonly body: ScopeSpec;
}
/** Waits for a person, who says `answer`, or nothing; then `onTimeout` counts, or it fails. */
export interface Ask extends Named {
  readonly kind: "ask";
  readonly answer: number | undefined;
  readonly onTimeout: number | undefined;
}
export interface Delay extends Named {
  readonly kind: "delay";
  readonly value: Wire | undefined;
  readonly ms: number;
}
export type NodeSpec = Work | Merge | List | Source | Collect | Loop | Sub | Ask | Delay;
export interface ScopeSpec {
  readonly nodes: readonly NodeSpec[];
  /** By name: what the scope gives to the outside. */
  readonly outputs: Readonly<Record<string, Wire>>;
}

export const ATTEMPTS = 2;
const DEPTH = 3;

export const portsOf = (spec: NodeSpec): readonly string[] => {
  if (spec.kind === "loop") return ["results", "errors"];
  if (spec.kind === "sub") return Object.keys(spec.body.outputs);
  if (spec.kind === "merge" || spec.kind === "ask" || spec.kind === "delay") return ["value"];
  if (spec.kind === "source") return [];
  return [spec.kind === "collect" ? "items" : "out"];
};

export function generate(seed: number): ScopeSpec {
  const roll = dice(seed);
  return new Generator(roll).scope(2 + roll(9), 0, []);
}

class Generator {
  readonly #roll: Dice;
  /** Nodes that may still be made, in all scopes together. */
  #left = 24;

  constructor(roll: Dice) {
    this.#roll = roll;
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#roll(from.length)]!;
  }
  #sometimes<T>(once: number, from: readonly T[]): T | undefined {
    return from.length > 0 && this.#roll(once) === 0 ? this.#pick(from) : undefined;
  }

  /** `outer`: wires from the outside. */
  scope(size: number, depth: number, outer: readonly Wire[]): ScopeSpec {
    const nodes: NodeSpec[] = [];
    /** What carries values, lists, and items as they come. */
    const values: Wire[] = [...outer, ...outer];
    const lists: Wire[] = [];
    const streams: Wire[] = [];
    for (let at = 0; at < size && this.#left > 0; at++) {
      this.#left--;
      const after = this.#sometimes(6, [...nodes.map(({ name }) => name), ...values.filter((wire) => wire[0] !== "$")]);
      const spec = this.#node({ name: `n${at}`, after }, depth, values, lists, streams);
      nodes.push(spec);
      const ports = portsOf(spec).map((port) => `${spec.name}.${port}`);
      // The port that counts, twice: errors are read less often.
      values.push(...ports, ...ports, `${spec.name}.error`);
      if (spec.kind === "list") lists.push(...ports);
      if (spec.kind === "source" && spec.flaky < ATTEMPTS) streams.push(`${spec.name}.items`);
      // A loop that fails in the middle ends its readers wherever they are.
      if (spec.kind === "loop" && spec.onItemError !== "fail") streams.push(`${spec.name}.results`);
    }
    const given = nodes.flatMap((spec) => portsOf(spec).map((port) => `${spec.name}.${port}`));
    const shown = depth === 0 ? given : given.filter(() => this.#roll(2) === 0);
    return { nodes, outputs: Object.fromEntries(shown.map((wire) => [wire.replace(".", "_"), wire])) };
  }

  #node(
    named: Named,
    depth: number,
    values: readonly Wire[],
    lists: readonly Wire[],
    streams: readonly Wire[],
  ): NodeSpec {
    const roll = this.#roll;
    const any = (count: number): Wire[] =>
      values.length === 0 ? [] : Array.from({ length: count }, () => this.#pick(values));
    const kind = this.#pick([
      "work",
      "work",
      "work",
      "work",
      "merge",
      "loop",
      "loop",
      "list",
      "sub",
      "source",
      "collect",
      "ask",
      "delay",
    ] as const);
    if (kind === "merge" && values.length > 0) {
      const mode = this.#pick(["all", "any", "zip", "race"] as const);
      const many = mode === "zip" && lists.length > 0 ? [this.#pick(lists), this.#pick(lists)] : any(1 + roll(3));
      // Who is first among several depends on time.
      return { ...named, kind, mode, many: mode === "race" ? many.slice(0, 1) : many };
    }
    if (kind === "list") return { ...named, kind, items: Array.from({ length: roll(5) }, () => roll(6)) };
    if (kind === "source") return { ...named, kind, count: roll(4), flaky: roll(3) === 0 ? 1 + roll(2) : 0 };
    if (kind === "collect" && streams.length > 0) {
      return { ...named, kind, many: Array.from({ length: 1 + roll(2) }, () => this.#pick(streams)) };
    }
    if (kind === "ask") {
      const onTimeout = roll(2) === 0 ? roll(100) : undefined;
      return { ...named, kind, answer: roll(3) > 0 ? roll(100) : undefined, onTimeout };
    }
    if (kind === "delay") return { ...named, kind, value: this.#sometimes(2, values), ms: roll(40) };
    if (kind === "loop" && depth < DEPTH && lists.length + streams.length > 0)
      return this.#loop(named, depth, values, lists, streams);
    if (kind === "sub" && depth < DEPTH) {
      const add = this.#sometimes(2, values);
      return {
        ...named,
        kind,
        add,
        body: this.scope(1 + roll(4), depth + 1, add === undefined ? [] : ["$inputs.add"]),
      };
    }
    const maybe = this.#sometimes(3, values);
    const tries = roll(3) === 0 ? 1 + roll(2) : 0;
    const hangs = roll(2) === 0 ? tries : 0;
    const effect = this.#pick(["pure", "pure", "read", "idempotent", "write", "write"] as const);
    return {
      ...named,
      kind: "work",
      many: any(roll(4)),
      need: this.#sometimes(3, values),
      maybe,
      when: maybe !== undefined && roll(2) === 0,
      value: roll(100),
      flaky: tries - hangs,
      hangs,
      // A step that was done and not recorded is done again: what may not be is one act of its own.
      steps: effect === "write" ? 0 : roll(3),
      effect,
    };
  }

  #loop(named: Named, depth: number, values: readonly Wire[], lists: readonly Wire[], streams: readonly Wire[]): Loop {
    const roll = this.#roll;
    const isStream = lists.length === 0 || (streams.length > 0 && roll(3) === 0);
    const add = this.#sometimes(3, values);
    // A reader that fails ends its writer, wherever that is.
    const onItemError = this.#pick(isStream ? (["skip", "collect"] as const) : (["fail", "skip", "collect"] as const));
    return {
      ...named,
      kind: "loop",
      items: this.#pick(isStream ? streams : lists),
      add,
      body: this.scope(roll(4), depth + 1, ["$item", ...(add === undefined ? [] : ["$inputs.add"])]),
      onItemError,
      // One at a time: then it is known which items have run when one fails.
      concurrency: onItemError === "fail" ? 1 : 1 + roll(3),
      isKeyed: !isStream && roll(2) === 0,
    };
  }
}
