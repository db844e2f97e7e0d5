import { readFileSync, writeSync } from "node:fs";

import { killLiveGroups } from "@atomiton/runtime";
import { Command, CommanderError } from "commander";

import { CliError, exitCode } from "./cli-error.ts";
import { addExecutions } from "./commands/executions.ts";
import { addNodes } from "./commands/nodes.ts";
import { addReplay } from "./commands/replay.ts";
import { addRun } from "./commands/run.ts";
import { addServe } from "./commands/serve.ts";
import { addValidate } from "./commands/validate.ts";
import { paintFor } from "./show/paint.ts";

/** Beside the sources and beside the bundle alike. */
function version(): string {
  const file = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(file) as { version: string }).version;
}

function atomiton(): Command {
  const program = new Command("atomiton")
    .description("Runs Blueprints: node graphs in YAML, executed in parallel, watched live.")
    .version(version())
    .showHelpAfterError('(add --help for what is possible, or see "atomiton --help")')
    .exitOverride()
    .addHelpText(
      "after",
      "\nExamples:\n  atomiton run feed.blueprint.yaml --input limit=10\n  atomiton serve --dir . --open\n\nEach command has its own --help.",
    );
  addRun(program);
  addReplay(program);
  addValidate(program);
  addServe(program);
  addExecutions(program);
  addNodes(program);
  for (const command of program.commands)
    command.exitOverride().showHelpAfterError("(add --help for what is possible)");
  return program;
}

// However this process ends, what its nodes have started does not outlive it (but for a SIGKILL, which nobody hears).
process.on("exit", killLiveGroups);

/** What Node ends with when nothing is left that could settle what is awaited. */
const RAN_DRY = 13;
let isOver = false;
process.on("exit", (code) => {
  if (isOver || (code !== RAN_DRY && code !== exitCode.completed)) return;
  writeSync(2, "error: Cannot go on: the command waits for something that nothing can bring any more\n");
  process.exitCode = exitCode.failed;
});

try {
  await atomiton().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has said what is wrong. It ends with 0 for --help and --version.
    process.exitCode = error.exitCode === 0 ? exitCode.completed : exitCode.usage;
  } else if (error instanceof CliError) {
    process.stderr.write(`${paintFor(process.stderr)("red", "error:")} ${error.message}\n`);
    process.exitCode = error.exitCode;
  } else {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(
      `${paintFor(process.stderr)("red", "error:")} Cannot go on: a fault in atomiton itself\n${text}\n`,
    );
    process.exitCode = exitCode.failed;
  }
} finally {
  isOver = true;
}
