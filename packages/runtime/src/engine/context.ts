import { createHash } from "node:crypto";

import type { LogLevel, NodeContext, SpawnOptions } from "../blueprint/define-node.ts";
import { NodeError, RuntimeError } from "../errors.ts";
import { spawnGroup } from "../process/spawn-group.ts";
import type { Attempt } from "./attempt.ts";
import { issuesText } from "./expressions.ts";
import { streamOf } from "./inputs.ts";
import type { InstanceMemory } from "./scope.ts";

/** Items that one stream port may gather in one attempt: streams are held in memory for now. */
export const STREAM_ITEMS = 1_000_000;

interface Prepared {
  readonly inputs: Record<string, unknown>;
  readonly config: unknown;
  readonly idempotencyKey: string | undefined;
}

/** What a node's `run` gets. Plain functions: a node may take them out of `ctx`. */
export function makeContext(
  attempt: Attempt,
  { inputs, config, idempotencyKey }: Prepared,
): NodeContext<any, any, any> {
  const { scheduler, scope, node, number } = attempt;
  const { recorder, host, facts, progress } = scheduler;
  /** Counted and dropped: the execution has gone on without it. */
  const isLate = (): boolean => {
    if (attempt.isOver) scheduler.late++;
    return attempt.isOver;
  };
  const refuseLate = (what: string): void => {
    if (!isLate()) return;
    throw new RuntimeError("E_STATE", `Cannot ${what} for "${attempt.path}": its attempt ${number} is over`);
  };
  const say =
    (level: LogLevel) =>
    (message: string, data?: unknown): void => {
      if (!isLate()) recorder.log(attempt.path, number, level, String(message), data === undefined ? {} : { data });
    };
  let logs: NodeContext<any, any, any>["log"] | undefined;
  const memory = (): InstanceMemory => {
    let found = scope.memory.get(node.id);
    if (!found) scope.memory.set(node.id, (found = { heartbeat: undefined, steps: new Map() }));
    return found;
  };
  return {
    executionId: facts.id,
    get path() {
      return attempt.path;
    },
    attempt: number,
    recovery: 0,
    get idempotencyKey() {
      return idempotencyKey ?? instanceKey(facts.id, attempt.path);
    },
    fence: 1,
    in: withStreams(attempt, inputs),
    config: config as never,
    get signal() {
      return attempt.signal;
    },
    cwd: scope.template.cwd,
    onConfig: () => undefined,
    async emit(port: PropertyKey, item: unknown) {
      refuseLate("emit an item");
      if (attempt.aborted) throw attempt.aborted;
      gather(attempt, String(port), item);
    },
    progress(done, total, message) {
      if (isLate()) return;
      if (!Number.isFinite(done) || (total !== undefined && !Number.isFinite(total))) {
        throw new RangeError(`Cannot report progress ${done} of ${total}: not numbers`);
      }
      attempt.hasReported = true;
      progress.report(attempt.path, done, total, message);
      if (total !== undefined && total > 0) progress.advance(scope, node.id, Math.max(0, done / total));
    },
    get log() {
      return (logs ??= { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error") });
    },
    async secret(name) {
      refuseLate("read a secret");
      const secrets = scheduler.secretsOf(scope.template);
      if (Object.hasOwn(secrets, name)) return secrets[name]!;
      throw new NodeError(`Cannot read the secret "${name}": the Blueprint does not list it; add it to its "secrets"`, {
        code: "UNKNOWN_SECRET",
        class: "config",
        retryable: false,
      });
    },
    blob: host.blobs,
    async step(key, work) {
      refuseLate("run a step");
      const { steps } = memory();
      if (steps.has(key)) return steps.get(key) as never;
      const result = await work();
      steps.set(key, result);
      return result;
    },
    heartbeat(state) {
      if (!isLate()) memory().heartbeat = state;
    },
    get lastHeartbeat() {
      return scope.memory.get(node.id)?.heartbeat;
    },
    async spawn(command: string, args: string[], options: SpawnOptions = {}) {
      refuseLate(`run "${command}"`);
      const env = { ...options.env, ATOMITON_EXEC: facts.id };
      const cwd = options.cwd ?? scope.template.cwd;
      const running = spawnGroup(command, args, {
        ...options,
        cwd,
        env,
        blobs: host.blobs,
        signal: attempt.processSignal,
      });
      return await attempt.holdFor(running);
    },
  };
}

function withStreams(attempt: Attempt, inputs: Record<string, unknown>): any {
  let values = inputs;
  for (const input of attempt.node.inputs) {
    const value = inputs[input.name];
    if (input.port?.mode !== "stream" || value === undefined) continue;
    if (values === inputs) values = { ...inputs };
    const stream = (items: unknown): unknown => streamOf(attempt.scope, attempt.node, input, items as unknown[]);
    values[input.name] = input.multi ? (value as unknown[]).map(stream) : stream(value);
  }
  return values;
}

function gather(attempt: Attempt, name: string, item: unknown): void {
  const port = attempt.node.outputs.get(name);
  if (port?.mode !== "stream") {
    throw new TypeError(
      `Cannot emit to "${name}" of "${attempt.path}": it is no stream port of ${attempt.node.def.type}`,
    );
  }
  const checked = port.schema.safeParse(item);
  const streams = (attempt.streams ??= new Map<string, unknown[]>());
  const items = streams.get(name) ?? [];
  if (!checked.success) {
    throw new NodeError(
      `Cannot take item ${items.length} on "${name}" of "${attempt.path}": ${issuesText(checked.error.issues)}; ${attempt.node.def.type} breaks its own schema`,
      { code: "INVALID_OUTPUT", class: "internal", retryable: false },
    );
  }
  if (items.length >= STREAM_ITEMS) {
    throw new NodeError(
      `Cannot take more than ${STREAM_ITEMS} items on "${name}" of "${attempt.path}": streams are held in memory for now; cut the input into parts`,
      { code: "LIMIT", class: "resource", retryable: false },
    );
  }
  if (items.length === 0) streams.set(name, items);
  items.push(item);
}

const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";
const KEY_LENGTH = 26;

/** Equal for every attempt of an instance: made of the execution and the path, which holds the keys of loops. */
export function instanceKey(executionId: string, path: string): string {
  const digest = createHash("sha256").update(`${executionId}\n${path}`).digest();
  let bits = 0;
  let value = 0;
  let key = "";
  for (const byte of digest) {
    value = ((value << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5 && key.length < KEY_LENGTH) {
      bits -= 5;
      key += BASE32[(value >> bits) & 31];
    }
  }
  return key;
}
