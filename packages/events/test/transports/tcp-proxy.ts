import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** Where bytes go. */
export type Side = "client" | "server";

/** A road between a client and a server that the test can break: real sockets, real resets. */
export interface TcpProxy {
  readonly port: number;
  /** Ends every connection that is open now, in the middle of whatever it carries. */
  cut(): void;
  /** Ends them when that many more bytes have passed towards that side; default the client. */
  cutAfter(bytes: number, towards?: Side): void;
  /** Connections that are open now carry nothing any more, and nobody is told; later ones work. */
  hold(): void;
  /** As `hold`, but one side is told (FIN). */
  halfClose(told: Side): void;
  /** While it is down, dials are reset. */
  setDown(isDown: boolean): void;
  /** Accepted so far. */
  readonly connections: number;
  /** Open now. */
  readonly open: number;
  close(): Promise<void>;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  isHeld: boolean;
}

export async function tcpProxy(target: number, { delayMs = 0 } = {}): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  const left = { client: Infinity, server: Infinity };
  let connections = 0;
  let isDown = false;
  const cut = (): void => {
    for (const { near, far } of pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
    left.client = left.server = Infinity;
  };
  const hold = (): void => {
    for (const pair of pairs) {
      pair.isHeld = true;
      pair.near.pause();
      pair.far.pause();
    }
  };

  function carry(pair: Pair, from: Socket, to: Socket, towards: Side): void {
    const write = (data: Buffer): void => {
      if (pair.isHeld || to.destroyed) return;
      // The last piece goes half: a cut is rarely between two frames.
      const passes = data.subarray(0, left[towards]);
      left[towards] -= passes.byteLength;
      if (!to.write(passes)) {
        from.pause();
        to.once("drain", () => pair.isHeld || from.resume());
      }
      if (left[towards] <= 0) to.end(cut);
    };
    from.on("data", (data) => void (delayMs === 0 ? write(data) : setTimeout(write, delayMs, data)));
    from.on("error", () => {});
    from.once("end", () => pair.isHeld || to.end());
    from.once("close", () => {
      if (!pair.isHeld) to.destroy();
      if (from.destroyed && to.destroyed) pairs.delete(pair);
    });
  }

  const server = createServer({ allowHalfOpen: true }, (near) => {
    if (isDown) return void near.on("error", () => {}).resetAndDestroy();
    connections += 1;
    const far = connect({ port: target, host: "127.0.0.1", allowHalfOpen: true });
    const pair: Pair = { near, far, isHeld: false };
    pairs.add(pair);
    carry(pair, near, far, "server");
    carry(pair, far, near, "client");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    cutAfter: (bytes, towards = "client") => void (left[towards] = bytes),
    hold,
    halfClose(told) {
      hold();
      for (const { near, far } of pairs) (told === "client" ? near : far).end();
    },
    setDown: (down) => void (isDown = down),
    get connections() {
      return connections;
    },
    get open() {
      return pairs.size;
    },
    async close() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
