import type { Problem } from "@atomiton/runtime";
import type { Command } from "commander";

import { exitCode } from "../cli-error.ts";
import { loadNodeModules } from "../node-modules.ts";
import { catalogOf, openBlueprint } from "../open-blueprint.ts";
import { collect } from "../options.ts";
import { paintFor } from "../show/paint.ts";
import { problemLine, summary, tally } from "../show/problems.ts";
import { write } from "../streams.ts";

interface ValidateOptions {
  json?: true;
  nodes: string[];
}

export function addValidate(program: Command): void {
  program
    .command("validate")
    .summary("check Blueprint files and report everything that is wrong with them")
    .description(
      "Checks Blueprint files: syntax, nodes, ports, wires, types, configuration and expressions. Every problem is one line, file:line:column severity CODE message.",
    )
    .argument("<files...>", "Blueprint files")
    .option("--json", "print the problems as one JSON array")
    .option("--nodes <module>", "also know the node types that this module exports (repeatable)", collect, [])
    .addHelpText(
      "after",
      "\nExit codes: 0 no errors, 2 errors.\n\nExamples:\n  atomiton validate feed.blueprint.yaml\n  atomiton validate --json *.blueprint.yaml",
    )
    .action(validate);
}

async function validate(files: string[], options: ValidateOptions): Promise<void> {
  const catalog = catalogOf(await loadNodeModules(options.nodes, process.cwd()));
  const problems: Problem[] = [];
  for (const file of files) problems.push(...(await openBlueprint(file, catalog)).problems);
  if (options.json) {
    await write(process.stdout, `${JSON.stringify(problems, null, 2)}\n`);
  } else {
    const paint = paintFor(process.stdout);
    const lines = problems.map((problem) => `${problemLine(problem, paint)}\n`);
    await write(process.stdout, `${lines.join("")}${summary(files.length, problems)}\n`);
  }
  process.exitCode = tally(problems).errors > 0 ? exitCode.usage : exitCode.completed;
}
