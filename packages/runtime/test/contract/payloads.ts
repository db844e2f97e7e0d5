/** One good payload a name, as small as it may be. */
const ev = { executionId: "x1", seq: 1, epoch: 0, ts: 1_700_000_000_000 };
const stop = { stopId: "s1", reason: "breakpoint", breakpointIds: ["b1"], path: "a", attempt: 1, allStopped: true };
const states = [
  "pending",
  "ready",
  "held",
  "running",
  "waiting",
  "backoff",
  "completed",
  "failed",
  "skipped",
  "cancelled",
];

export const commandPayloads: Readonly<Record<string, unknown>> = {
  "runtime:execute": { blueprintId: "abc123", input: undefined },
  "runtime:pause": { executionId: "x1", mode: "drain" },
  "runtime:resume": { executionId: "x1" },
  "runtime:cancel": { executionId: "x1", graceMs: 0 },
  "runtime:input": { executionId: "x1", kind: "answer", waitId: "w1", value: { t: "json", v: true } },
  "runtime:config": { executionId: "x1", path: "a", patch: [{ op: "replace", path: "/width", value: 3 }] },
  "runtime:breakpoint": {
    executionId: "x1",
    op: "set",
    breakpoints: [{ id: "b1", at: "before", path: "a", suspend: "all", enabled: true }],
  },
  "runtime:inspect": { executionId: "x1", target: { path: "a", what: "out", port: "value" } },
};

export const eventPayloads: Readonly<Record<string, unknown>> = {
  "runtime:started": {
    ...ev,
    blueprint: { id: "b", name: "B", version: "1.0.0" },
    planHash: "h",
    host: "here",
    resumed: false,
    recovery: 0,
    total: 3,
    input: {},
  },
  "runtime:progress": { ...ev, percent: null, done: 0, total: 3, totalFinal: true, running: 1, failed: 0 },
  "runtime:completed": {
    ...ev,
    result: { value: 1 },
    durationMs: 5,
    activeMs: 5,
    counts: Object.fromEntries(states.map((name) => [name, 0])),
    cacheHits: 0,
    handledErrors: 0,
  },
  "runtime:error": {
    ...ev,
    error: "No such file",
    code: "ENOENT",
    scope: "node",
    detail: { code: "ENOENT", class: "user", message: "No such file", retryable: false },
    handled: false,
    terminal: false,
  },
  "runtime:result": { ...ev, result: {} },
  "runtime:output": {
    ...ev,
    path: "a",
    attempt: 1,
    port: "value",
    kind: "value",
    value: { t: "redacted" },
    via: "run",
  },
  "runtime:state": {
    ...ev,
    kind: "snapshot",
    state: "running",
    nodes: [{ path: "a", s: "running", a: 1 }],
    waits: [],
    stops: [],
  },
  "runtime:log": { ...ev, path: "a", attempt: 1, level: "info", message: "hello" },
  "runtime:breakpoint": { ...ev, op: "hit", stop },
  "runtime:inspect": { ...ev, stopId: "s1", path: "a", attempt: 1, values: {} },
};
