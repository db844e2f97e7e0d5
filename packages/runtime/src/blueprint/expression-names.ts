/** Which names an expression uses: so that a check can say before a run what would only be `undefined` in it. */

export interface NameUse {
  readonly name: string;
  /** The name after the first dot: `ok` in `in.ok`. */
  readonly next?: string;
  /** Character offset in the expression. */
  readonly position: number;
  /** Read from an item at hand (inside `[…]`, after a dot, in a sort term), not from the scope. */
  readonly nested: boolean;
}

export interface ExpressionNames {
  /** First names of paths; `$in.x` and `$$.in.x` count like `in.x`. */
  readonly heads: readonly NameUse[];
  /** `$names` that are neither bound in the expression nor functions of JSONata. */
  readonly unbound: readonly { readonly name: string; readonly position: number }[];
}

/** JSONata's own functions; a test compares them with the library. */
export const JSONATA_FUNCTIONS: ReadonlySet<string> = new Set(
  (
    "sum count max min average string substring substringBefore substringAfter lowercase uppercase length trim pad match contains replace split join " +
    "formatNumber formatBase formatInteger parseInteger number floor ceil round abs sqrt power random boolean not map zip filter single reduce sift keys " +
    "lookup append exists spread merge reverse each error assert type sort shuffle distinct base64encode base64decode encodeUrlComponent encodeUrl " +
    "decodeUrlComponent decodeUrl eval toMillis fromMillis clone now millis"
  ).split(" "),
);

const SCOPE_VARIABLES = new Set(["in", "item", "index", "key", "run", "secrets", "vars"]);

/** JSONata's tree as its parser makes it; its published type names less than there is. */
interface Tree {
  type?: string;
  value?: unknown;
  position?: number;
  steps?: Tree[];
  focus?: string;
  index?: string;
  stages?: Tree[];
  predicate?: Tree[];
  group?: { lhs?: Tree[][] };
  [part: string]: unknown;
}

interface Visit {
  readonly tree: Tree;
  readonly nested: boolean;
}

/** Walks with a list of its own: expressions may nest deeper than the stack. */
export function namesIn(ast: unknown): ExpressionNames {
  const heads: NameUse[] = [];
  const variables: { name: string; position: number }[] = [];
  const bound = new Set<string>();
  const todo: Visit[] = [{ tree: ast as Tree, nested: false }];
  const visit = (part: unknown, nested: boolean): void => {
    if (Array.isArray(part)) for (const inner of part) visit(inner, nested);
    else if (typeof part === "object" && part !== null) todo.push({ tree: part as Tree, nested });
  };
  const head = (tree: Tree, next: Tree | undefined, nested: boolean): void => {
    heads.push({
      name: String(tree.value),
      ...(next?.type === "name" ? { next: String(next.value) } : {}),
      position: tree.position ?? 0,
      nested,
    });
  };

  for (let current; (current = todo.pop());) {
    const { tree, nested } = current;
    if (typeof tree.focus === "string") bound.add(tree.focus);
    if (typeof tree.index === "string") bound.add(tree.index);
    if (tree.type === "path") {
      visitPath(tree.steps ?? [], nested);
    } else if (tree.type === "name") {
      head(tree, undefined, nested);
    } else if (tree.type === "variable") {
      variable(tree, undefined);
    } else if (tree.type === "bind") {
      bound.add(String((tree["lhs"] as Tree | undefined)?.value));
      visit(tree["rhs"], nested);
    } else if (tree.type === "lambda") {
      for (const argument of (tree["arguments"] as Tree[] | undefined) ?? []) bound.add(String(argument.value));
      visit(tree["body"], nested);
    } else if (tree.type === "transform") {
      for (const part of ["pattern", "update", "delete"]) visit(tree[part], true);
    } else if (tree.type === "sort") {
      visit(
        (tree["terms"] as { expression: Tree }[] | undefined)?.map((term) => term.expression),
        true,
      );
    } else {
      for (const part of [
        "lhs",
        "rhs",
        "expression",
        "expressions",
        "arguments",
        "procedure",
        "condition",
        "then",
        "else",
        "body",
      ])
        visit(tree[part], nested);
    }
    filters(tree);
  }

  function filters(tree: Tree): void {
    for (const stage of [...(tree.stages ?? []), ...(tree.predicate ?? [])]) {
      if (stage.type === "index") bound.add(String(stage.value));
      visit(stage["expr"], true);
    }
    visit(tree.group?.lhs, true);
  }

  function variable(tree: Tree, next: Tree | undefined): void {
    const name = tree.value;
    if (typeof name !== "string" || name === "" || name === "$") return;
    if (SCOPE_VARIABLES.has(name)) head(tree, next, false);
    else variables.push({ name, position: tree.position ?? 0 });
  }

  function visitPath(steps: Tree[], nested: boolean): void {
    const [first, second, third] = steps;
    if (first?.type === "variable" && first.value === "$" && second?.type === "name") {
      head(second, third, false);
    } else if (first?.type === "name") {
      head(first, second, nested);
    } else if (first?.type === "variable") {
      variable(first, second);
    } else {
      visit(first, nested);
    }
    if (first && (first.type === "name" || first.type === "variable")) marks(first);
    for (const step of steps.slice(1)) {
      // A field of what the step before gave; anything else is evaluated there.
      if (step.type === "name") marks(step);
      else visit(step, true);
    }
  }

  function marks(step: Tree): void {
    if (typeof step.focus === "string") bound.add(step.focus);
    if (typeof step.index === "string") bound.add(step.index);
    filters(step);
  }

  return { heads, unbound: variables.filter(({ name }) => !bound.has(name) && !JSONATA_FUNCTIONS.has(name)) };
}
