/** Stream ports of one attempt: what it emits, and what it reads. */
import { NodeError } from "../../errors.ts";
import { runsApart } from "../../pool/pool.ts";
import { issuesText } from "../plan/expressions.ts";
import type { PlanInput } from "../plan/plan.ts";
import type { Attempt } from "../run/attempt.ts";
import { misfit, takesAnything } from "../run/inputs.ts";
import { queueOf } from "../run/scope.ts";
import { Outlet } from "./outlet.ts";
import { StreamQueue } from "./stream-queue.ts";

/** The inputs, with what stream ports get as streams that check each item as it is read. */
export function withStreams(attempt: Attempt, inputs: Record<string, unknown>): any {
  let values = inputs;
  for (const input of attempt.node.inputs) {
    const value = inputs[input.name];
    if (input.port?.mode !== "stream" || value === undefined) continue;
    if (values === inputs) values = { ...inputs };
    const stream = (items: unknown): unknown =>
      items instanceof StreamQueue
        ? new StreamReader(attempt, input, items)
        : listReader(attempt, input, items as unknown[]);
    values[input.name] = input.multi ? (value as unknown[]).map(stream) : stream(value);
  }
  return values;
}

/**
 * Takes one item that a node emits; resolves when every reader has room for it. Rejects with `TypeError` (no stream
 * port), `NodeError` INVALID_OUTPUT or LIMIT, and with the abort's reason.
 */
export function emitItem(attempt: Attempt, name: string, item: unknown): Promise<void> {
  if (attempt.aborted) return Promise.reject(attempt.aborted);
  try {
    const outlet = attempt.streams?.get(name) ?? openOutlet(attempt, name);
    const checked = outlet.schema?.safeParse(item);
    if (checked && !checked.success) {
      throw new NodeError(
        `Cannot take item ${outlet.count} on "${name}" of "${attempt.path}": ${issuesText(checked.error.issues)}; ${attempt.node.def.type} breaks its own schema`,
        { code: "INVALID_OUTPUT", class: "internal", retryable: false },
      );
    }
    const taken = outlet.put(item);
    if (attempt.node.streamsTo) attempt.scheduler.beginStreams(attempt.scope, attempt.node);
    return taken;
  } catch (error) {
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors
    return Promise.reject(error);
  }
}

function openOutlet(attempt: Attempt, name: string): Outlet {
  const { node, scope, scheduler } = attempt;
  const port = node.outputs.get(name);
  if (port?.mode !== "stream") {
    throw new TypeError(`Cannot emit to "${name}" of "${attempt.path}": it is no stream port of ${node.def.type}`);
  }
  const queues = (node.streamsTo ?? []).filter((to) => to.port === name).map(({ wire }) => queueOf(scope, wire));
  let isWatched = false;
  const outlet = new Outlet({
    where: () => `"${name}" of "${attempt.path}"`,
    queues,
    gathers: node.gathers?.has(name) ?? false,
    schema: takesAnything(port.schema) ? undefined : port.schema,
    onFreed: () => scheduler.launcher.unblocks(attempt),
    onBlocked() {
      // What reads it may need the slot: it is not taken back.
      scheduler.launcher.park(attempt);
      scheduler.launcher.blocks(attempt);
      if (isWatched) return;
      isWatched = true;
      attempt.signal.addEventListener("abort", () => outlet.interrupt(attempt.aborted), { once: true });
    },
  });
  (attempt.streams ??= new Map()).set(name, outlet);
  return outlet;
}

type Result = IteratorResult<unknown, undefined>;

/** Items of a wire that streams. Iterated once: a second loop goes on where the first one stopped. */
class StreamReader implements AsyncIterableIterator<unknown, undefined> {
  readonly #attempt: Attempt;
  readonly #input: PlanInput;
  readonly #queue: StreamQueue;
  readonly #schema: ReturnType<typeof schemaOf>;
  #isWatched = false;

  constructor(attempt: Attempt, input: PlanInput, queue: StreamQueue) {
    this.#attempt = attempt;
    this.#input = input;
    this.#queue = queue;
    this.#schema = schemaOf(input);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result> {
    const attempt = this.#attempt;
    if (attempt.aborted) return Promise.reject(attempt.aborted);
    if (!this.#isWatched) {
      this.#isWatched = true;
      attempt.signal.addEventListener("abort", () => this.#queue.interrupt(attempt.aborted), { once: true });
    }
    const queue = this.#queue;
    // What runs in a thread reads ahead: that it waits for an item does not say that it does nothing.
    const waits = queue.count === 0 && !queue.isDone && !runsApart(attempt.node.def);
    const next = waits ? this.#wait() : queue.next();
    return this.#schema ? next.then((result) => this.#checked(result)) : next;
  }

  #wait(): Promise<Result> {
    const { scheduler } = this.#attempt;
    scheduler.launcher.blocks(this.#attempt);
    const next = this.#queue.next();
    const go = (): void => scheduler.launcher.unblocks(this.#attempt);
    next.then(go, go);
    return next;
  }

  /** The node reads no further: what still comes is dropped. */
  return(): Promise<Result> {
    this.#queue.detach();
    return Promise.resolve({ done: true, value: undefined });
  }

  #checked(result: Result): Result {
    if (!result.done) checkItem(this.#attempt, this.#input, this.#schema, result.value, this.#queue.taken - 1);
    return result;
  }
}

/** Items of a list, checked as they are read: a list that nobody reads costs nothing. */
async function* listReader(
  attempt: Attempt,
  input: PlanInput,
  items: readonly unknown[],
): AsyncGenerator<unknown, undefined> {
  const schema = schemaOf(input);
  for (let index = 0; index < items.length; index++) {
    checkItem(attempt, input, schema, items[index], index);
    yield items[index];
  }
}

const schemaOf = ({ port }: PlanInput) => (takesAnything(port!.schema) ? undefined : port!.schema);

function checkItem(
  attempt: Attempt,
  input: PlanInput,
  schema: ReturnType<typeof schemaOf>,
  item: unknown,
  index: number,
): void {
  const checked = schema?.safeParse(item);
  if (!checked || checked.success) return;
  throw misfit(
    `Cannot use item ${index} of input "${input.name}" of "${attempt.path}": ${issuesText(checked.error.issues)}; check what its wire brings`,
  );
}
