import { EventsError } from "../core/errors.ts";
import type { Address, Origin } from "../session/messages.ts";
import type { Rule } from "./topics.ts";

/** Whom one message is for. Left out: everybody who hears it. */
export interface Way {
  readonly to?: Address;
  readonly except?: string;
}

export function isRouted({ to, except }: Way): boolean {
  return to !== undefined || except !== undefined;
}

/** May the bus have it, by its address and by its contract? */
export function isMeant(rule: Rule, { to, except }: Way, { busId, role }: Origin): boolean {
  if (busId === except || rule.to?.has(role) === false) return false;
  if (to === undefined) return true;
  return to.busId === undefined ? to.role === role : to.busId === busId;
}

/** What of it travels: an address may be a `Peer` or an `Origin`, with more in it than concerns anybody else. */
export function wayOf({ to, except }: { readonly to?: Address | Origin; readonly except?: Origin | string }): Way {
  const away = typeof except === "object" ? except.busId : except;
  return { ...(to === undefined ? {} : { to: addressOf(to) }), ...(away === undefined ? {} : { except: away }) };
}

function addressOf(to: Address | Origin): Address {
  assertAddress(to);
  if (to.busId !== undefined) return { busId: to.busId };
  return "one" in to && to.one === true ? { role: to.role, one: true } : { role: to.role };
}

/** What is kept for others to come belongs to all of them. Throws TypeError. */
export function assertRoutable({ name, kind, policy }: Rule): void {
  const { delivery } = policy;
  if (kind === "event" && delivery !== "latest" && delivery !== "durable") return;
  const why = kind === "command" ? "it is a command" : `it is "${delivery}", which those who come later get too`;
  throw new TypeError(
    `Cannot send "${name}" to some alone: ${why}; use request for a command, and delivery "reliable" or "volatile" for such an event`,
  );
}

/** Of a request: it is answered by one of a role anyhow. */
export function addresseeOf(to: Address | Origin): Address {
  assertAddress(to);
  return to.busId === undefined ? { role: to.role } : { busId: to.busId };
}

function assertAddress(to: Address | Origin): void {
  const { busId, role }: { busId?: unknown; role?: unknown } = to ?? {};
  if (typeof (busId ?? role) === "string") return;
  const hint =
    typeof to === "string" ? ` { role: "${to as string}" } or { busId: "${to as string}" }` : " { role } or { busId }";
  throw new TypeError(`Cannot send to ${JSON.stringify(to)}: it is no address; use${hint}`);
}

export function noPeer(name: string, { to, except }: Way): EventsError {
  const whom = to?.busId ?? (to === undefined ? `all but ${except}` : `${to.one === true ? "one " : ""}${to.role}`);
  return new EventsError(
    "NO_PEER",
    `Cannot send "${name}" to "${whom}": nobody of that address that may receive it ${to?.role !== undefined && to.one === true ? "hears it" : "is linked"} now; wait for link.ready, or leave the address out`,
    { name, to: whom },
  );
}
