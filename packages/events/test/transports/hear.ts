import type { CloseCause, Connection, Frame, Transport } from "../../src/wire/transport.ts";

/** What a session hears of its connection, written down; each list can be waited for. */
export interface Heard {
  readonly connection: Connection;
  readonly frames: Frame[];
  readonly drains: () => number;
  readonly opened: Promise<void>;
  readonly closed: Promise<CloseCause>;
  /** Resolves with the frames when there are `count` of them. */
  framesUntil(count: number): Promise<Frame[]>;
  drained(): Promise<void>;
}

export function hear(transport: Transport): Heard {
  const frames: Frame[] = [];
  const waits: { ready: () => boolean; go: () => void }[] = [];
  let drains = 0;
  const look = (): void => {
    for (const wait of waits.filter(({ ready }) => ready())) {
      waits.splice(waits.indexOf(wait), 1);
      wait.go();
    }
  };
  const until = (ready: () => boolean): Promise<void> =>
    ready() ? Promise.resolve() : new Promise((go) => waits.push({ ready, go }));
  let open!: () => void;
  let close!: (cause: CloseCause) => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  const closed = new Promise<CloseCause>((resolve) => (close = resolve));
  let ended = 0;
  const connection = transport.open({
    onOpen: open,
    onFrame(frame) {
      if (ended) throw new Error("a frame after onClose");
      frames.push(frame);
      look();
    },
    onDrain() {
      drains += 1;
      look();
    },
    onClose(cause) {
      ended += 1;
      if (ended > 1) throw new Error("onClose came twice");
      close(cause);
    },
  });
  return {
    connection,
    frames,
    drains: () => drains,
    opened,
    closed,
    framesUntil: async (count) => (await until(() => frames.length >= count), frames),
    drained: () => (((before) => until(() => drains > before)) as (n: number) => Promise<void>)(drains),
  };
}
