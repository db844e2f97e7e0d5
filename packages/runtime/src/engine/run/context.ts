import { createHash } from "node:crypto";

import type { Log, LogLevel, NodeContext, SpawnOptions } from "../../blueprint/define-node.ts";
import { NodeError, RuntimeError } from "../../errors.ts";
import { spawnGroup } from "../../process/spawn-group.ts";
import { pushedTo } from "../streams/pushes.ts";
import { emitItem, withStreams } from "../streams/streams.ts";
import type { Attempt } from "./attempt.ts";
import type { InstanceMemory } from "./scope.ts";

/** What an attempt has resolved before its node runs. */
export interface Prepared {
  readonly inputs: Record<string, unknown>;
  /** Another one after a live change. */
  config: unknown;
  /** Changes that `config` holds. */
  readonly edits: number;
  readonly idempotencyKey: string | undefined;
}

type Of<K extends keyof NodeContext<any, any, any>> = NodeContext<any, any, any>[K];

/** What a node's `run` gets. */
export const makeContext = (attempt: Attempt, prepared: Prepared): NodeContext<any, any, any> =>
  new Context(attempt, prepared);

/** Made for every attempt, so it holds two fields: what a node asks for is made when it asks. Each call is a plain function, which a node may take out of `ctx`. */
class Context implements NodeContext<any, any, any> {
  readonly #attempt: Attempt;
  readonly #prepared: Prepared;
  #in: Of<"in"> | undefined;
  #log: Of<"log"> | undefined;
  #emit: Of<"emit"> | undefined;

  constructor(attempt: Attempt, prepared: Prepared) {
    this.#attempt = attempt;
    this.#prepared = prepared;
  }

  get executionId(): string {
    return this.#attempt.scheduler.facts.id;
  }
  get path(): string {
    return this.#attempt.path;
  }
  get attempt(): number {
    return this.#attempt.number;
  }
  get recovery(): number {
    return this.#attempt.scheduler.facts.past?.deaths ?? 0;
  }
  get idempotencyKey(): string {
    return this.#prepared.idempotencyKey ?? instanceKey(this.executionId, this.path);
  }
  get fence(): number {
    return this.#attempt.scheduler.facts.epoch;
  }
  get in(): Of<"in"> {
    return (this.#in ??= withStreams(this.#attempt, this.#prepared.inputs));
  }
  get config(): Of<"config"> {
    return this.#prepared.config as never;
  }
  get signal(): AbortSignal {
    return this.#attempt.signal;
  }
  get cwd(): string {
    return this.#attempt.scope.template.cwd;
  }
  get onConfig(): Of<"onConfig"> {
    const attempt = this.#attempt;
    return (hear) => attempt.onConfig(hear as (next: unknown, keys: string[]) => void);
  }
  get blob(): Of<"blob"> {
    return this.#attempt.scheduler.host.blobs;
  }

  get emit(): Of<"emit"> {
    const attempt = this.#attempt;
    return (this.#emit ??= (port: PropertyKey, item: unknown) =>
      attempt.isOver ? lateEmit(attempt) : emitItem(attempt, String(port), item));
  }

  get pushed(): Of<"pushed"> {
    return pushedTo(this.#attempt);
  }

  get progress(): Of<"progress"> {
    const attempt = this.#attempt;
    return (done, total, message) => {
      if (isLate(attempt)) return;
      if (!Number.isFinite(done) || (total !== undefined && !Number.isFinite(total))) {
        throw new RangeError(`Cannot report progress ${done} of ${total}: not numbers`);
      }
      attempt.hasReported = true;
      const { scope, node } = attempt;
      const { progress } = attempt.scheduler;
      progress.report(attempt.path, done, total, message);
      if (total !== undefined && total > 0) progress.advance(scope, node.id, Math.max(0, done / total));
    };
  }

  get log(): Of<"log"> {
    const attempt = this.#attempt;
    const say =
      (level: LogLevel): Log =>
      (message, data, { stream } = {}): void => {
        if (isLate(attempt)) return;
        const extra = { ...(data === undefined ? {} : { data }), ...(stream === undefined ? {} : { stream }) };
        attempt.scheduler.recorder.log(attempt.path, attempt.number, level, String(message), extra);
      };
    return (this.#log ??= { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error") });
  }

  get secret(): Of<"secret"> {
    const attempt = this.#attempt;
    return async (name) => {
      refuseLate(attempt, "read a secret");
      const secrets = attempt.scheduler.secretsOf(attempt.scope.template);
      if (Object.hasOwn(secrets, name)) return secrets[name]!;
      throw new NodeError(`Cannot read the secret "${name}": the Blueprint does not list it; add it to its "secrets"`, {
        code: "UNKNOWN_SECRET",
        class: "config",
        retryable: false,
      });
    };
  }

  get step(): Of<"step"> {
    const attempt = this.#attempt;
    return async (key, work) => {
      refuseLate(attempt, "run a step");
      const { steps } = memoryOf(attempt);
      if (steps.has(key)) return steps.get(key) as never;
      const result = await work();
      steps.set(key, result);
      await attempt.scheduler.journal?.step(attempt.path, key, result);
      return result;
    };
  }

  get heartbeat(): Of<"heartbeat"> {
    const attempt = this.#attempt;
    return (state) => {
      if (isLate(attempt)) return;
      memoryOf(attempt).heartbeat = state;
      attempt.scheduler.journal?.heartbeat(attempt.path, state);
    };
  }
  get lastHeartbeat(): unknown {
    return this.#attempt.scope.memory.get(this.#attempt.node.id)?.heartbeat;
  }

  get spawn(): Of<"spawn"> {
    const attempt = this.#attempt;
    return async (command: string, args: string[], options: SpawnOptions = {}) => {
      refuseLate(attempt, `run "${command}"`);
      const env = { ...options.env, ATOMITON_EXEC: attempt.scheduler.facts.id };
      const cwd = options.cwd ?? attempt.scope.template.cwd;
      const running = spawnGroup(command, args, {
        ...options,
        cwd,
        env,
        blobs: attempt.scheduler.host.blobs,
        signal: attempt.processSignal,
      });
      return await attempt.holdFor(running);
    };
  }
}

/** Counted and dropped: the execution has gone on without it. */
function isLate(attempt: Attempt): boolean {
  if (attempt.isOver) attempt.scheduler.late++;
  return attempt.isOver;
}

async function lateEmit(attempt: Attempt): Promise<void> {
  refuseLate(attempt, "emit an item");
}

function refuseLate(attempt: Attempt, what: string): void {
  if (!isLate(attempt)) return;
  throw new RuntimeError("E_STATE", `Cannot ${what} for "${attempt.path}": its attempt ${attempt.number} is over`);
}

export function memoryOf({ scope, node }: Attempt): InstanceMemory {
  let found = scope.memory.get(node.id);
  if (!found) scope.memory.set(node.id, (found = { heartbeat: undefined, steps: new Map() }));
  return found;
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
