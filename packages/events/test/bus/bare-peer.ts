import { memoryPair, systemClock, type Origin, type Peer } from "../../src/index.ts";
import type { Message } from "../../src/session/messages.ts";
import { openSession, type Receiver, type Session } from "../../src/session/session.ts";
import { contract, settle, type Bus } from "./join.ts";

/** A peer without a bus: it says what it likes over a real session. */
export async function barePeer(
  host: Pick<Bus, "connect">,
  { role = "ui", routes = false, behind = [] }: { role?: string; routes?: boolean; behind?: readonly Origin[] } = {},
) {
  const [left, right] = memoryPair();
  const said: Message[] = [];
  const heard: unknown[] = [];
  const receiver: Receiver = {
    onHello: (hello): Peer => ({ busId: hello.busId, role: hello.role, grants: new Set(), routes: true }),
    onState: () => undefined,
    onEvent: (...event) => heard.push(event),
    onMessage: (message) => said.push(message),
    onGap: () => undefined,
    onViolation: () => undefined,
  };
  const link = host.connect(left, { peer: { routes } });
  const session: Session = openSession({
    transport: right,
    hello: () => ({
      busId: "stranger",
      role,
      contracts: [{ id: contract.id, hash: contract.hash }],
      names: Object.keys(contract.table).sort(),
      behind,
    }),
    receiver,
    clock: systemClock,
    random: Math.random,
  });
  await settle();
  session.send({ t: "behind", added: [], removed: [] }, "control");
  await link.ready.catch(() => undefined);
  const policy = (name: string) => ({ name, delivery: "reliable", lane: "main", maxBytes: 1_000_000 }) as const;
  return {
    session,
    said,
    heard,
    link,
    event: (name: string, data: unknown, extra = {}) => session.event(policy(name), data, extra),
  };
}
