import type { Connection, ConnectionEvents, Transport } from "../../src/wire/transport.ts";

/** The accepted end of a connection that is dialled later: opened by the test first, joined when it arrives. */
export function handOver(transport: Pick<Transport, "name" | "medium">): {
  end: Transport;
  arrive(real: Transport): void;
} {
  let heard: ConnectionEvents | undefined;
  let arrived: Transport | undefined;
  let connection: Connection | undefined;
  const join = (): void => {
    if (heard && arrived) connection ??= arrived.open(heard);
  };
  return {
    end: {
      ...transport,
      redials: false,
      open(events) {
        heard = events;
        join();
        return { send: (frame) => connection!.send(frame), close: (reason) => connection!.close(reason) };
      },
    },
    arrive(real) {
      arrived = real;
      join();
    },
  };
}
