import type { Middleware } from "../bus/event-bus.ts";
import { grantsRight } from "../bus/permission.ts";
import { denied } from "../bus/refusals.ts";
import { matches } from "../core/topic.ts";

/**
 * Asks peers for a right where the contract asks for none, or where there is no contract: names or patterns, and what each
 * needs. What a peer may not do is stopped and told to `onError`; a request is answered DENIED. What this process does
 * itself has every right. With a contract, say `needs` there: that counts as a violation too.
 *
 * @example events.use(permission({ "runtime:execute": "execute:blueprint", "admin:*": "admin" }));
 */
export function permission(needs: Readonly<Record<string, string>>): Middleware {
  const rules = Object.entries(needs);
  return {
    in({ name, meta: { peer } }, next) {
      for (const [pattern, right] of rules) {
        if (peer !== undefined && matches(pattern, name) && !grantsRight(peer, right)) throw denied(name, right, peer);
      }
      return next();
    },
  };
}
