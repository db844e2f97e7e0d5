/** Executions that fail, are cancelled or run out of time reject too: their events have said it. */
const ENDS: ReadonlySet<unknown> = new Set(["EXECUTION_FAILED", "CANCELLED", "TIMEOUT"]);

/** True for the end of an execution itself; false for what keeps the page from watching it. */
export const endedByItself = (error: Error): boolean => "code" in error && ENDS.has(error.code);
