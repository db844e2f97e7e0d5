import { fakeClock, type FakeClock } from "../../src/testing/fake-clock.ts";
import { faultyLink } from "../../src/testing/faulty-link.ts";
import { messagePackCodec } from "../../src/wire/codec.ts";
import { FRAME_TYPE, packFrame } from "../../src/wire/frame.ts";
import type { Limits } from "../../src/wire/limits.ts";
import type { Connection } from "../../src/wire/transport.ts";
import { Side } from "./sides.ts";

const codec = messagePackCodec();

export interface Stranger {
  readonly side: Side;
  readonly clock: FakeClock;
  readonly raw: Connection;
  readonly say: (
    type: number,
    body: unknown,
    options?: { lane?: number; flags?: number; seq?: number; ack?: number },
  ) => void;
  readonly sayBytes: (bytes: Uint8Array) => void;
  readonly settle: () => void;
}

/** A session that shook hands with a peer that then says what the test likes. */
export function stranger(limits: Partial<Limits> = {}): Stranger {
  const clock = fakeClock({ manualTicks: true });
  let side: Side | undefined;
  const link = faultyLink({ accept: (transport) => (side = new Side("b", transport, clock, { limits })) });
  const raw = link.dialer.open({ onOpen() {}, onFrame() {}, onDrain() {}, onClose() {} });
  const next = [0, 0, 0];
  const settle = (): void => {
    for (let moved = 1; moved > 0;) moved = clock.endTick() + link.flush();
  };
  const say: Stranger["say"] = (type, body, { lane = 1, flags = 0, seq, ack = 0xffffffff } = {}) => {
    const bytes = body instanceof Uint8Array ? body : codec.encode(body);
    raw.send(packFrame(type, flags, lane, seq ?? (type >= 5 ? next[lane]!++ : 0), ack, bytes));
    settle();
  };
  settle();
  const words = {
    v: 1,
    bus: "x",
    role: "ui",
    contracts: [],
    names: ["one"],
    behind: [],
    epoch: "e",
    link: "l",
    redials: false,
  };
  say(FRAME_TYPE.hello, { ...words, first: 0, window: [9e5, 9e5, 9e5], message: 1e6, frames: 1e4 });
  say(FRAME_TYPE.welcome, {});
  if (side?.at !== "open") throw new Error("not open");
  return { side, clock, raw, say, settle, sayBytes: (bytes) => (raw.send(bytes), settle()) };
}
