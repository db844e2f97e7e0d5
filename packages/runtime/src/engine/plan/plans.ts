/**
 * From what `execute` is given to a plan. A plan is made once and kept with its Blueprint; it is good as long as every
 * Blueprint that it uses by path is still the same. Bounded: a plan goes with its Blueprint, and of Blueprints given as
 * text or data the last ones are kept.
 */
import { dirname, resolve } from "node:path";

import type { NodeCatalog } from "../../blueprint/catalog.ts";
import { checkBlueprint } from "../../blueprint/check.ts";
import { blueprintOfData } from "../../blueprint/data.ts";
import { examine } from "../../blueprint/draft.ts";
import type { Blueprint, Problem } from "../../blueprint/model.ts";
import { parseBlueprint } from "../../blueprint/parse.ts";
import { RuntimeError } from "../../errors.ts";
import type { Library } from "../../library/index.ts";
import { compile } from "./compile.ts";
import type { Plan } from "./plan.ts";
import { RecentTexts } from "./recent-texts.ts";

/** Which Blueprint: its id in the folder, its path there, the thing itself as text or as parsed YAML or JSON, or parsed by us. */
export type BlueprintTarget = string | { readonly path: string } | { readonly inline: unknown } | Blueprint;

/** A plan, and what it was made of beside its Blueprint. */
interface Kept {
  readonly plan: Plan;
  readonly cwd: string;
  readonly used: readonly Use[];
}
interface Use {
  readonly path: string;
  readonly from: string;
  readonly blueprint: Blueprint;
}

export class Plans {
  readonly #dir: string;
  readonly #catalog: NodeCatalog;
  readonly #library: Library;
  readonly #kept = new WeakMap<Blueprint, Kept>();
  readonly #texts = new RecentTexts<Blueprint>();

  constructor(dir: string, catalog: NodeCatalog, library: Library) {
    this.#dir = dir;
    this.#catalog = catalog;
    this.#library = library;
  }

  /** Throws `RuntimeError`: `UNKNOWN_BLUEPRINT`, `INVALID_BLUEPRINT` with `details.problems`, and what `compile` throws. */
  async of(target: BlueprintTarget): Promise<Plan> {
    try {
      return await this.#of(target);
    } catch (error) {
      // Node types that come with packages are loaded when a Blueprint first asks for them.
      if (!(await this.#catalog.load?.())) throw error;
      return await this.#of(target);
    }
  }

  async #of(target: BlueprintTarget): Promise<Plan> {
    // The library has checked what it gives.
    if (typeof target === "string") return this.#planOf(await this.#library.load(target), () => undefined);
    if ("path" in target) return this.#planOf(await this.#library.load(target.path), () => undefined);
    if ("inline" in target) return this.#inline(target.inline);
    return this.#planOf(target, () => this.#check(target, []));
  }

  #inline(inline: unknown): Plan {
    if (typeof inline === "string") return this.#written(inline, "<inline>");
    const file = "<inline>.blueprint.json";
    const compact = JSON.stringify(inline) as string | undefined;
    if (compact === undefined) return this.#written("", file);
    const known = this.#texts.get(file, compact);
    const blueprint = known ?? blueprintOfData(compact, file);
    if (blueprint) {
      try {
        const plan = this.#planOf(blueprint, () => this.#check(blueprint, []));
        if (!known) this.#texts.keep(file, compact, blueprint);
        return plan;
      } catch {
        // Found again below, with the line and column where it stands.
      }
    }
    return this.#written(JSON.stringify(inline, undefined, 2) ?? "", file);
  }

  /** Positions in problems are those of this text. JSON is YAML. */
  #written(text: string, file: string): Plan {
    const known = this.#texts.get(file, text);
    if (known) return this.#planOf(known, () => this.#check(known, []));
    const parsed = parseBlueprint(text, file);
    const { blueprint, problems } = parsed;
    if (!blueprint) throw invalid(file, examine(parsed, this.#catalog, { load: this.#load }));
    const plan = this.#planOf(blueprint, () => this.#check(blueprint, problems));
    this.#texts.keep(file, text, blueprint);
    return plan;
  }

  #planOf(blueprint: Blueprint, check: () => void): Plan {
    const cwd = resolve(this.#dir);
    const kept = this.#kept.get(blueprint);
    if (kept?.cwd === cwd && kept.used.every((use) => this.#load(use.path, use.from).blueprint === use.blueprint)) {
      return kept.plan;
    }
    check();
    const used = new Map<string, Use>();
    const plan = compile(blueprint, {
      catalog: this.#catalog,
      cwdOf: ({ file }) => (file.startsWith("<") ? cwd : resolve(dirname(file))),
      load: (path, from) => {
        const { blueprint: found, problems } = this.#load(path, from);
        if (!found) throw invalid(path, problems);
        used.set(`${from}\n${path}`, { path, from, blueprint: found });
        return found;
      },
    });
    this.#kept.set(blueprint, { plan, cwd, used: [...used.values()] });
    return plan;
  }

  readonly #load = (path: string, from: string): { blueprint?: Blueprint; problems: Problem[] } =>
    this.#library.loadSub(path, from);

  #check(blueprint: Blueprint, found: readonly Problem[]): void {
    const problems = [...found, ...checkBlueprint(blueprint, this.#catalog, { load: this.#load })];
    if (problems.some(({ severity }) => severity === "error")) throw invalid(blueprint.file, problems);
  }
}

function invalid(what: string, problems: readonly Problem[]): RuntimeError {
  const errors = problems.filter(({ severity }) => severity === "error");
  const [first] = errors;
  const more = errors.length > 1 ? `, and ${errors.length - 1} more` : "";
  const state = first ? `${first.file}:${first.line}:${first.column} ${first.message}${more}` : "it cannot be read";
  return new RuntimeError("INVALID_BLUEPRINT", `Cannot run the Blueprint "${what}": ${state}; mend it`, { problems });
}
