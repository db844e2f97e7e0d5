import type { Peer } from "../session/session.ts";

/** Whose message is being handed to listeners: a peer, this process itself, or nobody. */
type Speaker = Peer | "local" | undefined;

/** Owner: the dispatch that is on the stack. Set and given back around every hand-over; undefined outside of one. */
let speaker: Speaker;

export function enter(next: Peer | undefined): Speaker {
  const before = speaker;
  speaker = next ?? "local";
  return before;
}

export function leave(before: Speaker): void {
  speaker = before;
}

export function grantsRight(peer: Peer, right: string): boolean {
  return peer.grants.has(right) || peer.grants.has("*");
}

/**
 * May whoever sent the message that is being handled right now do `right`? For use in the synchronous part of a
 * listener or handler: what this process emits itself has every right; after an `await`, and outside of a listener,
 * the answer is false, because nobody's message is being handled there. Ask before the first `await`.
 *
 * @example
 * events.on("runtime:execute", (data) => {
 *   if (!hasPermission("execute:blueprint")) throw new Error("Permission denied");
 * });
 */
export function hasPermission(right: string): boolean {
  if (speaker === undefined) return false;
  return speaker === "local" || grantsRight(speaker, right);
}
