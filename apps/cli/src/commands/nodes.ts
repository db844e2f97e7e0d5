import { describeNode, optionalPackages, type NodeCatalog } from "@atomiton/runtime";
import type { NodeTypeInfo, PortInfo } from "@atomiton/runtime/contract";
import type { Command } from "commander";

import { CliError } from "../cli-error.ts";
import { loadNodeModules } from "../node-modules.ts";
import { catalogOf } from "../open-blueprint.ts";
import { collect } from "../options.ts";
import { paintFor, type Paint } from "../show/paint.ts";
import { padEnd, widthOf } from "../show/text.ts";
import { write } from "../streams.ts";

interface NodesOptions {
  json?: true;
  nodes: string[];
}

export function addNodes(program: Command): void {
  program
    .command("nodes")
    .summary("list node types, or document one")
    .description("Lists the node types that Blueprints can use; with a type, its ports, configuration and effect.")
    .argument("[type]", "a node type, as core/csv.read or core/csv.read@1")
    .option("--json", "print JSON")
    .option("--nodes <module>", "also list the node types that this module exports (repeatable)", collect, [])
    .addHelpText("after", "\nExamples:\n  atomiton nodes\n  atomiton nodes core/csv.read\n  atomiton nodes --json")
    .action(nodes);
}

async function nodes(type: string | undefined, options: NodesOptions): Promise<void> {
  const catalog = catalogOf(await loadNodeModules(options.nodes, process.cwd()));
  for (const start of type === undefined ? Object.keys(optionalPackages) : [type]) catalog.get(nameOf(start));
  await catalog.load?.();
  const known = catalog.all().map(describeNode);
  const paint = paintFor(process.stdout);
  if (type === undefined) {
    await write(
      process.stdout,
      options.json ? `${JSON.stringify(known, null, 2)}\n` : list(known, paint) + more(catalog, paint),
    );
    return;
  }
  const name = nameOf(type);
  const major = type.split("@")[1];
  const found = known.findLast((node) => node.type === name && (!major || node.version.split(".")[0] === major));
  if (!found) {
    const missing = catalog.missing?.(name);
    if (missing !== undefined) throw new CliError(`Cannot document "${type}": ${missing}`);
    const near = known.filter((node) => node.type.includes(name.split("/").at(-1) ?? "")).map((node) => node.type);
    const wayOut = near.length > 0 ? `there is ${near.join(", ")}` : `"atomiton nodes" lists those that are there`;
    throw new CliError(`Cannot document "${type}": no such node type is known; ${wayOut}`);
  }
  await write(
    process.stdout,
    options.json
      ? `${JSON.stringify(found, null, 2)}\n`
      : page(found, catalog.get(name, Number(found.version.split(".")[0]))?.example, paint),
  );
}

const nameOf = (type: string): string => type.split("@")[0] ?? type;

/** Types that an installation would bring. */
function more(catalog: NodeCatalog, paint: Paint): string {
  const rows = Object.entries(optionalPackages).flatMap(([start, name]) =>
    catalog.missing?.(start) === undefined ? [] : [[`${start}*`, `npm install ${name}`]],
  );
  return rows.length === 0 ? "" : `\n${paint("bold", "not installed")}\n${table(rows)}`;
}

/** Rows in columns; the last one is left as long as it is. */
function table(rows: readonly (readonly string[])[], indent = "  "): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, at) => (widths[at] = Math.max(widths[at] ?? 0, widthOf(cell))));
  const lines = rows.map((row) =>
    row
      .map((cell, at) => (at === row.length - 1 ? cell : padEnd(cell, (widths[at] ?? 0) + 2)))
      .join("")
      .trimEnd(),
  );
  return lines.map((line) => `${indent}${line}\n`).join("");
}

function list(known: readonly NodeTypeInfo[], paint: Paint): string {
  const categories = [...new Set(known.map((node) => node.category))].toSorted();
  const width = Math.max(...known.map((node) => widthOf(`${node.type}@${node.version}`)));
  return categories
    .map((category) => {
      const rows = known
        .filter((node) => node.category === category)
        .map((node) => [
          padEnd(`${node.type}@${node.version}`, width),
          padEnd(effectsOf(node).join("/"), 10),
          node.title,
        ]);
      return `${paint("bold", category)}\n${table(rows)}`;
    })
    .join("\n");
}

/** Those of its settings, and its own. */
function effectsOf({ effect, effectOf = {} }: NodeTypeInfo): string[] {
  return [...new Set([...Object.values(effectOf).flatMap((effects) => Object.values(effects)), effect])];
}

/** `, read with method: GET`. */
function weakerText({ effectOf = {} }: NodeTypeInfo): string {
  return Object.entries(effectOf)
    .flatMap(([key, effects]) => Object.entries(effects).map(([value, effect]) => `, ${effect} with ${key}: ${value}`))
    .join("");
}

/** What is asked of inputs is not asked of outputs: those are there or empty. */
function portRows(ports: readonly PortInfo[], areInputs: boolean): string[][] {
  return ports.map((port) => {
    const marks = areInputs ? [port.required ? "required" : "", port.multi ? "several wires" : ""].filter(Boolean) : [];
    return [port.name, port.type, marks.join(", "), port.description ?? ""];
  });
}

interface Property {
  type?: unknown;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Property[];
  items?: Property;
  additionalProperties?: unknown;
  default?: unknown;
  description?: string;
}

/** A setting's type in the words of the documentation: `boolean or list of string`. */
function typeWord(property: Property): string {
  if (property.enum) return property.enum.map(String).join(" or ");
  if (property.const !== undefined) return JSON.stringify(property.const);
  if (property.anyOf) return property.anyOf.map(typeWord).join(" or ");
  if (property.type === "array") return property.items ? `list of ${typeWord(property.items)}` : "list";
  if (property.type === "object") {
    const values = property.additionalProperties;
    const isTyped = typeof values === "object" && values !== null && Object.keys(values).length > 0;
    return isTyped ? `map to ${typeWord(values)}` : "map";
  }
  if (Array.isArray(property.type)) return property.type.join(" or ");
  return typeof property.type === "string" ? property.type : "any value";
}

function configRows(schema: Readonly<Record<string, unknown>>): string[][] {
  const properties = (schema["properties"] ?? {}) as Record<string, Property>;
  const required = new Set((schema["required"] ?? []) as string[]);
  return Object.entries(properties).map(([name, property]) => {
    const mark =
      property.default !== undefined
        ? `default ${JSON.stringify(property.default)}`
        : required.has(name)
          ? "required"
          : "";
    return [name, typeWord(property), mark, property.description ?? ""];
  });
}

function page(node: NodeTypeInfo, example: string | undefined, paint: Paint): string {
  const parts = [
    `${paint("bold", `${node.type}@${node.version}`)}  ${node.title}\n`,
    node.description ? `${node.description}\n` : "",
    `Effect: ${node.effect}${weakerText(node)}.\n`,
  ];
  const sections: [string, string[][]][] = [
    ["Inputs", portRows(node.inputs, true)],
    ["Outputs", portRows(node.outputs, false)],
    ["Configuration (with:)", configRows(node.config)],
  ];
  for (const [title, rows] of sections) {
    parts.push(`${paint("bold", title)}\n${rows.length === 0 ? "  none\n" : table(rows)}`);
  }
  parts.push(`${paint("bold", "In a file")}\n${useOf(node, example)}`);
  return parts.filter((part) => part !== "").join("\n");
}

function useOf({ type, version }: NodeTypeInfo, example = ""): string {
  const lines = [`uses: ${type}@${version.split(".")[0]}`, ...example.split("\n").filter((line) => line !== "")];
  return `  ${/[\w-]+$/.exec(type)?.[0] ?? "node"}:\n${lines.map((line) => `    ${line}\n`).join("")}`;
}
