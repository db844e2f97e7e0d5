import { EventsError } from "../core/errors.ts";
import type { Hello, Peer } from "../session/session.ts";
import type { Transport } from "../wire/transport.ts";
import type { ConnectPolicy } from "./event-bus.ts";
import type { Topics } from "./topics.ts";

export interface Admission {
  readonly busId: string;
  readonly role: string;
  readonly topics: Topics;
  /** Ids of this bus and of those it reaches over its other links. */
  readonly known: ReadonlySet<string>;
  readonly policy: ConnectPolicy;
  readonly transport: Transport;
}

/** Decides who the other end is, or why it is refused. Order: cycle, contracts, role. */
export function admit(hello: Hello, here: Admission): Peer | EventsError {
  return refuseCycle(hello, here) ?? refuseContracts(hello, here) ?? seen(hello, here);
}

function refuseCycle(hello: Hello, { known }: Admission): EventsError | undefined {
  const twice = [hello.busId, ...hello.behind.map(({ busId }) => busId)].find((id) => known.has(id));
  if (twice === undefined) return undefined;
  return new EventsError(
    "DUPLICATE_LINK",
    `Cannot link bus "${hello.busId}": bus "${twice}" is reached over another link already, and a second way would close a cycle; close the first one before`,
    { busId: hello.busId, reached: twice },
  );
}

function refuseContracts(hello: Hello, { topics, transport }: Admission): EventsError | undefined {
  const ours = topics.contracts;
  const theirs = hello.contracts;
  const list = (all: readonly { id: string }[]): string => all.map(({ id }) => id).join(", ") || "no contract";
  if (ours.length === 0 && theirs.length === 0) {
    if (transport.name !== "websocket") return undefined;
    return new EventsError(
      "REJECTED",
      `Cannot link bus "${hello.busId}" over a WebSocket: neither side has a contract, so nothing would be checked; give both buses one`,
      { transport: transport.name },
    );
  }
  const facts = {
    ours: ours.map(({ id, hash }) => ({ id, hash })),
    theirs: theirs.map(({ id, hash }) => ({ id, hash })),
  };
  for (const { id, hash } of theirs) {
    const own = ours.find((contract) => contract.id === id);
    if (own === undefined || own.hash === hash) continue;
    return new EventsError(
      "CONTRACT_MISMATCH",
      `Cannot link bus "${hello.busId}": contract "${id}" has hash ${own.hash} here and ${hash} there; build both sides from one definition`,
      facts,
    );
  }
  if (theirs.some(({ id }) => ours.some((contract) => contract.id === id))) return undefined;
  return new EventsError(
    "CONTRACT_MISMATCH",
    `Cannot link bus "${hello.busId}": this side speaks ${list(ours)} and the other ${list(theirs)}; both need one contract of the same version`,
    facts,
  );
}

function seen(hello: Hello, here: Admission): Peer | EventsError {
  const { role, grants = [], user, routes } = here.policy.peer ?? {};
  const claimed = role ?? hello.role;
  if (here.topics.roles.size > 0) {
    const refuse = (why: string): EventsError =>
      new EventsError("REJECTED", `Cannot link bus "${hello.busId}" as "${claimed}": ${why}`, { role: claimed });
    if (!here.topics.roles.has(claimed)) {
      return refuse(`no contract names this role; known are ${[...here.topics.roles].join(", ")}`);
    }
    if (role === undefined && claimed === here.role) {
      return refuse(`it is this bus's own role; name the peer's in connect(transport, { peer: { role } })`);
    }
  }
  return {
    busId: hello.busId,
    role: claimed,
    grants: new Set(grants),
    ...(user === undefined ? {} : { user }),
    origin: here.transport.name,
    routes: routes ?? (here.transport.redials || here.transport.name === "memory"),
  };
}
