import type { Middleware, Passing } from "../bus/event-bus.ts";

/**
 * Lets pass what `isWanted` says, in every direction; a request that is not passed on is answered DENIED.
 *
 * @example events.use(filter(({ name }) => !name.startsWith("debug:")));
 */
export function filter(isWanted: (message: Passing) => boolean): Middleware {
  const layer: NonNullable<Middleware["in"]> = (message, next) => (isWanted(message) ? next() : undefined);
  return { in: layer, out: layer, local: layer };
}
