/** What the command ends with; scripts read them, so they never change their meaning. */
export const exitCode = {
  completed: 0,
  failed: 1,
  /** Bad usage, or a Blueprint or input that cannot be run. */
  usage: 2,
  /** Ctrl-C, as shells report it: 128 + SIGINT. */
  interrupted: 130,
  /** 128 + SIGPIPE: nobody reads our output any more. */
  brokenPipe: 141,
  /** 128 + SIGTERM. */
  terminated: 143,
} as const;

/** Ends the command with a message on stderr and an exit code. Text: `Cannot <action> <"value">: <state>; <way out>`. */
export class CliError extends Error {
  override readonly name: string = "CliError";
  readonly exitCode: number;

  constructor(message: string, code: number = exitCode.usage, options?: { cause?: unknown }) {
    super(message, options);
    this.exitCode = code;
  }
}
