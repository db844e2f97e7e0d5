import type { EmitOptions, Middleware, Passing } from "../bus/event-bus.ts";

/**
 * Decides for each event that leaves whom it is for, as `emit(name, data, { to, except })` does for one. Undefined:
 * everybody. Listeners of this bus hear it all the same. An address that nobody has is told to `onError` (NO_PEER), a
 * route for a `latest` or `durable` event too (TypeError).
 *
 * @example events.use(route(({ name }) => (name === "job:do" ? { to: { role: "worker", one: true } } : undefined)));
 */
export function route(way: (message: Passing) => EmitOptions | undefined): Middleware {
  return {
    out(message, next) {
      const chosen = message.kind === "event" ? way(message) : undefined;
      if (chosen !== undefined) message.route = chosen;
      return next();
    },
  };
}
