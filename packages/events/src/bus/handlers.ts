import { isThenable } from "../core/emitter.ts";
import { EventsError } from "../core/errors.ts";
import type { Ask } from "./ask.ts";
import type { HandlerContext } from "./event-bus.ts";
import { asFailure, isHidden } from "./failures.ts";
import type { Hub } from "./hub.ts";
import type { KeyMemory } from "./key-memory.ts";
import { enter, leave } from "./permission.ts";
import { wrongWay } from "./refusals.ts";
import type { Rule } from "./topics.ts";
import { Wish } from "./wish.ts";

export type Handler = (input: unknown, context: HandlerContext) => unknown;

/** The commands that this bus answers, and the running of them. */
export class Handlers {
  readonly #hub: Hub;
  readonly #keys: KeyMemory;
  /** Asked at every emit of a bus that has types only. */
  isEmpty: boolean = true;
  readonly #handlers: Map<string, { handler: Handler; wish: Wish }> = new Map<
    string,
    { handler: Handler; wish: Wish }
  >();

  constructor(hub: Hub, keys: KeyMemory) {
    this.#hub = hub;
    this.#keys = keys;
  }

  get names(): string[] {
    return [...this.#handlers.keys()];
  }

  has(name: string): boolean {
    return this.#handlers.has(name);
  }

  clear(): void {
    this.#handlers.clear();
    this.isEmpty = true;
  }

  add(rule: Rule, handler: Handler): Wish {
    const { name } = rule;
    if (rule.to !== undefined && !rule.to.has(this.#hub.role))
      throw wrongWay(name, [...(rule.from ?? [])].join(", "), this.#hub.role);
    if (this.#handlers.has(name)) {
      throw new EventsError(
        "HANDLER_EXISTS",
        `Cannot handle "${name}": this bus has a handler for it; stop that one first`,
        { name },
      );
    }
    const wish = new Wish("handle", name, undefined, undefined);
    this.#handlers.set(name, { handler, wish });
    this.isEmpty = false;
    this.#hub.network.want(wish);
    return wish;
  }

  remove(name: string, wish: Wish): void {
    if (this.#handlers.get(name)?.wish !== wish) return;
    this.#handlers.delete(name);
    this.isEmpty = this.#handlers.size === 0;
    this.#hub.network.unwant(wish);
  }

  /** Runs the handler, at most once for a key. False: this bus has none. */
  serve(ask: Ask): boolean {
    const handler = this.#handlers.get(ask.rule.name)?.handler;
    if (handler === undefined) return false;
    this.#begin(ask, handler);
    return true;
  }

  #begin(ask: Ask, handler: Handler): void {
    if (ask.key === undefined) {
      this.#run(ask, handler, ask);
      return;
    }
    const scope = ask.from?.peer?.user ?? ask.from?.peer?.busId ?? this.#hub.id;
    const key = `${scope}\n${ask.rule.name}\n${ask.key}`;
    const known = this.#keys.find(key);
    if (known !== undefined) return known.wait(ask);
    const keyed = this.#keys.begin(key);
    if (keyed === undefined) return ask.fail("LIMIT", "too many keyed requests are open; wait for some to end");
    keyed.wait(ask);
    this.#run(ask, handler, keyed);
  }

  #run(ask: Ask, handler: Handler, work: Pick<Ask, "settle" | "onAbandon">): void {
    const { rule, from, origin } = ask;
    let controller: AbortController | undefined;
    let abandoned: EventsError | undefined;
    work.onAbandon = (why) => {
      abandoned = why;
      controller?.abort(why);
    };
    const context: HandlerContext = {
      ...(from?.peer === undefined ? {} : { peer: from.peer }),
      origin,
      // Made when it is asked for: most handlers never look.
      get signal() {
        if (controller === undefined) {
          controller = new AbortController();
          if (abandoned !== undefined) controller.abort(abandoned);
        }
        return controller.signal;
      },
      progress: (data) => ask.progressed(data),
    };
    const succeed = (reply: unknown): void => {
      try {
        work.settle({ reply: rule.checkReply(reply) });
      } catch (fault) {
        // The handler's own mistake: its side must see it too.
        if (from !== undefined) this.#hub.fault(fault, { name: rule.name, link: from });
        work.settle({ failure: fault as EventsError });
      }
    };
    const fail = (fault: unknown): void => {
      if (from !== undefined && isHidden(fault)) this.#hub.fault(fault, { name: rule.name, link: from });
      work.settle({ failure: asFailure(fault, rule.name, this.#hub.exposesErrors) });
    };
    const before = enter(from?.peer);
    try {
      const result = handler(ask.data, context);
      if (isThenable(result)) result.then(succeed, fail);
      else succeed(result);
    } catch (fault) {
      fail(fault);
    } finally {
      leave(before);
    }
  }
}
