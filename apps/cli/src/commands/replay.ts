import { EventBus, EventsError } from "@atomiton/events";
import { libraryContract, runtimeContract, type RuntimeMessage } from "@atomiton/runtime/contract";
import { InvalidArgumentError, type Command } from "commander";

import { CliError, exitCode } from "../cli-error.ts";
import { wholeNumber } from "../options.ts";
import { openRecording, type OpenedRecording } from "../recording/open-recording.ts";
import { serveRecording } from "../recording/serve-recording.ts";
import { paintFor } from "../show/paint.ts";
import { displayOn } from "../show/progress-display.ts";
import { onInterrupt } from "../signals.ts";
import { json, onBrokenPipe, write } from "../streams.ts";

interface ReplayOptions {
  speed?: number;
  to?: number;
  json?: true;
  open?: true;
  port?: number;
}

export function addReplay(program: Command): void {
  program
    .command("replay")
    .summary("play a recording of a run again")
    .description(
      "Plays what run --record kept: prints as run does, and does nothing else. No node runs, no file is written, no request is sent. With --open, Studio shows it and moves back and forth in time.",
    )
    .argument("<recording>", "a file that run --record wrote")
    .option("--speed <n>", "times the recorded pace; 0 is at once (default: 1, with --json 0)", pace)
    .option("--to <seq>", "play up to this record", wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option("--json", "print every runtime:* event as one line of JSON, and nothing else, to stdout")
    .option("--open", "serve Studio with this recording alone, and open a browser where a person sits at a terminal")
    .option("-p, --port <n>", "with --open: the port; 0 takes any free one", wholeNumber(0, 65_535))
    .addHelpText(
      "after",
      `
Exit codes: 0 played, however the recorded run ended; 2 bad usage or no recording, 130 stopped by Ctrl-C.

Examples:
  atomiton run feed.blueprint.yaml --record feed.atj
  atomiton replay feed.atj --speed 10
  atomiton replay feed.atj --json | jq -c 'select(.type == "runtime:error").data.detail'
  atomiton replay feed.atj --open`,
    )
    .action(replay);
}

function pace(text: string): number {
  const speed = Number(text);
  if (text.trim() === "" || !Number.isFinite(speed) || speed < 0) {
    throw new InvalidArgumentError("It is no number from 0 on.");
  }
  return speed;
}

/** An option that would do nothing is a mistake. */
function mustFit({ open, json, speed, port }: ReplayOptions): void {
  if (open && json)
    throw new CliError("Cannot print --json with --open: Studio shows the events; leave one of them out");
  if (open && speed !== undefined) throw new CliError("Cannot use --speed with --open: choose the speed in Studio");
  if (!open && port !== undefined)
    throw new CliError("Cannot use --port without --open: nothing is served; add --open");
}

async function replay(file: string, options: ReplayOptions): Promise<void> {
  mustFit(options);
  const recording = await openRecording(file);
  if (recording.torn !== undefined) warn(recording.torn);
  if (options.open) await serveRecording(recording, options);
  else await play(file, recording, options);
}

async function play(file: string, { journal }: OpenedRecording, options: ReplayOptions): Promise<void> {
  const display = displayOn(process.stderr);
  const stopped = new AbortController();
  let stoppedBy: number | undefined;
  const stop = (code: number): void => {
    stoppedBy ??= code;
    stopped.abort();
  };
  const bus = new EventBus({
    contracts: [runtimeContract, libraryContract],
    role: "ui",
    connect: false,
    onError: (fault) => warn(fault instanceof Error ? fault.message : json(fault)),
  });
  let result: Record<string, unknown> | undefined;
  let isOver = false;
  bus.on(
    "runtime:*",
    (data, { name, origin }) => {
      // Commands may be in it too, where somebody recorded a bus.
      if (origin.role !== "host") return;
      const message = { type: name, data } as RuntimeMessage;
      if (options.json) process.stdout.write(`${json(message)}\n`);
      else display.hear(message);
      if (message.type === "runtime:completed") result = message.data.result;
      isOver ||= message.type === "runtime:completed" || (message.type === "runtime:error" && message.data.terminal);
    },
    { replayed: true },
  );
  const offInterrupt = onInterrupt({ first: stop, second: stop });
  const offPipe = onBrokenPipe(process.stdout, () => stop(exitCode.brokenPipe));
  // The bus's timers let a process end; this one has nothing else to wait for in a recorded pause.
  const alive = setInterval(() => {}, 2 ** 30);
  try {
    const { to, speed = options.json ? 0 : 1 } = options;
    const range = to === undefined ? {} : { to };
    const playing = bus.replay(journal, { ...range, speed, pattern: "runtime:*", signal: stopped.signal });
    const played = await playing;
    display.end();
    if (played === 0 && (to === undefined || to >= journal.last)) {
      throw new CliError(`Cannot replay "${file}": no execution is recorded in it; record one with run --record`);
    }
    if (options.json) return;
    if (result !== undefined) await write(process.stdout, `${json(result, 2)}\n`);
    if (!isOver)
      display.line(`Stopped at record ${playing.position} of ${journal.last}: the execution has not ended there`);
  } catch (error) {
    display.end();
    const isEntry = error instanceof EventsError && error.code === "JOURNAL";
    if (isEntry)
      throw new CliError(`Cannot replay "${file}" to its end: ${error.message}`, exitCode.usage, { cause: error });
    if (stoppedBy === undefined) throw error;
  } finally {
    if (stoppedBy !== undefined) process.exitCode = stoppedBy;
    clearInterval(alive);
    offInterrupt();
    offPipe();
    await bus.close();
  }
}

function warn(text: string): void {
  process.stderr.write(`${paintFor(process.stderr)("yellow", "warning:")} ${text}\n`);
}
