import type { Middleware, Passing } from "../bus/event-bus.ts";
import { checker, type Check } from "../bus/topics.ts";
import type { Schema } from "../core/contract.ts";

/**
 * Checks payloads and inputs against schemas (any Standard Schema, synchronous), coming and going, on a bus without a
 * contract or more strictly than its contract does. What does not fit is stopped and told to `onError` as
 * INVALID_PAYLOAD; a request is answered with it. Names without a schema pass. Replies are not checked: a contract does.
 *
 * @example events.use(validate({ "run:log": z.object({ line: z.string() }) }));
 */
export function validate(schemas: Readonly<Record<string, Schema<unknown>>>): Middleware {
  const checks = new Map<string, Check>();
  for (const [name, schema] of Object.entries(schemas)) checks.set(name, checker(name, schema, "INVALID_PAYLOAD"));
  const layer = (message: Passing, next: () => void | Promise<void>): void | Promise<void> => {
    const check = checks.get(message.name);
    if (check !== undefined) message.data = check(message.data);
    return next();
  };
  return { in: layer, out: layer, local: layer };
}
