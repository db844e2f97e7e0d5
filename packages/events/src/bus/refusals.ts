import { EventsError } from "../core/errors.ts";
import type { Peer } from "../session/session.ts";

// One place for what is said to a peer or about it. Nothing here names more than the peer sent itself.

export function unknown(name: string, peer: Peer): EventsError {
  return new EventsError(
    "UNKNOWN_EVENT",
    `Cannot accept "${name}" from "${peer.role}": no contract that both sides have defines it; check the name and the contracts`,
    { name, role: peer.role },
  );
}

export function looped(name: string): EventsError {
  return new EventsError("PROTOCOL", `Cannot accept "${name}": it began at this very bus; the links form a cycle`, {
    name,
  });
}

export function forged(name: string): EventsError {
  return new EventsError(
    "PROTOCOL",
    `Cannot accept "${name}": it is marked as a replay, or as a snapshot that nobody asked for; links carry neither`,
    { name },
  );
}

export function wrongWay(name: string, from: string, to: string): EventsError {
  return new EventsError(
    "WRONG_DIRECTION",
    `Cannot pass "${name}" from "${from}" to "${to}": the contract does not allow this direction; check "from" and "to" there`,
    { name, from, to },
  );
}

export function denied(name: string, right: string, peer: Peer): EventsError {
  return new EventsError(
    "DENIED",
    `Cannot accept "${name}" from "${peer.role}": it needs the right "${right}", which this peer was not granted; grant it with connect(transport, { peer: { grants: ["${right}"] } }) on the receiving side`,
    { name, right, role: peer.role },
  );
}

export function deaf(name: string, right: string, peer: Peer): EventsError {
  return new EventsError(
    "DENIED",
    `Cannot hear "${name}" as "${peer.role}": it needs the right "${right}", which this peer was not granted; grant it with connect(transport, { peer: { grants: ["${right}"] } }) on the sending side`,
    { name, right, role: peer.role },
  );
}

export function tooMany(what: string, limit: number): EventsError {
  return new EventsError(
    "LIMIT",
    `Cannot open more ${what} on this link: it has ${limit}, which is its limit; close some, or raise "limits" of the bus`,
    { what, limit },
  );
}

/** What could not be sent, with the name of its event or command. */
export function named(fault: unknown, name: string): EventsError {
  if (!(fault instanceof EventsError) || (fault.code !== "UNCLONEABLE" && fault.code !== "LIMIT"))
    return fault as EventsError;
  const text = fault.message.replace(/^Cannot send ("[^"]*"|\w+ payload)/, `$& of "${name}"`);
  return new EventsError(fault.code, text, { ...fault.details, name });
}

export function badSub(pattern: string): EventsError {
  return new EventsError("PROTOCOL", `Cannot subscribe "${pattern}": the message is malformed`, { pattern });
}

export function noHistory(pattern: string): EventsError {
  return new EventsError(
    "JOURNAL",
    `Cannot hear "${pattern}" from its beginning or a cursor: no event of that name is stored; use since: "last", or give it delivery "durable" in the contract`,
    { pattern },
  );
}

export function noJournal(name: string): EventsError {
  return new EventsError(
    "JOURNAL",
    `Cannot emit "${name}": it is durable, and this bus has no journal; make it with new EventBus({ journal })`,
    { name },
  );
}

export function lostElsewhere(): EventsError {
  return new EventsError("PROTOCOL", "Cannot accept a gap: it tells of events that do not come over this link");
}

export function overflow(name: string, limit: number): EventsError {
  return new EventsError(
    "QUEUE_FULL",
    `Cannot keep "${name}" for a link that is not open yet: ${limit} messages wait already, and the oldest are dropped; wait for link.ready, or raise limits.waiting`,
    { name, limit },
  );
}
