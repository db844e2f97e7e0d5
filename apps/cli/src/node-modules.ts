import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import type { AnyNodeDef } from "@atomiton/runtime";

import { CliError, exitCode } from "./cli-error.ts";

function isNodeDef(value: unknown): value is AnyNodeDef {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as AnyNodeDef).type === "string" &&
    typeof (value as AnyNodeDef).version === "string" &&
    typeof (value as AnyNodeDef).run === "function"
  );
}

/** Threads and processes load it from where it was found, unless it says otherwise. */
function placed(def: AnyNodeDef, address: string): AnyNodeDef {
  return def.module === undefined && def.runsOn !== "inline" ? { ...def, module: address } : def;
}

function wayOutOf(cause: unknown): string {
  const { code, message = "" } = cause as { code?: string; message?: string };
  if (code === "ERR_UNKNOWN_FILE_EXTENSION" && /\.[cm]?ts"/.test(message))
    return `Node ${process.versions.node} runs no TypeScript: compile it and give the .js, or use Node 22.18 or newer`;
  if (code === "ERR_MODULE_NOT_FOUND") return "check the path, and install what the module imports beside it";
  return "give the path of a module that exports what defineNode returns";
}

/**
 * Node types from users' modules: every export that `defineNode` made, alone or in an array. Their code runs with the
 * rights of this process.
 */
export async function loadNodeModules(modules: readonly string[], folder: string): Promise<AnyNodeDef[]> {
  const found = new Set<AnyNodeDef>();
  for (const module of modules) {
    // A bare name is a package; everything else is a file.
    const isFile = /^[./\\]|\.[cm]?[jt]s$/.test(module) || module.includes(":");
    const address = isFile ? pathToFileURL(resolve(folder, module)).href : module;
    let exported: Record<string, unknown>;
    try {
      exported = (await import(address)) as Record<string, unknown>;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new CliError(`Cannot load nodes from "${module}": ${why}; ${wayOutOf(cause)}`, exitCode.usage, { cause });
    }
    const before = found.size;
    for (const value of Object.values(exported)) {
      for (const item of Array.isArray(value) ? (value as unknown[]) : [value])
        if (isNodeDef(item)) found.add(placed(item, address));
    }
    if (found.size === before) {
      throw new CliError(
        `Cannot load nodes from "${module}": it exports none; export what defineNode returns, alone or in an array`,
      );
    }
  }
  return [...found];
}
