import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A road between a client and a server that the test can break: real sockets, real resets. */
export interface TcpProxy {
  readonly port: number;
  /** Ends every connection that is open now, in the middle of whatever it carries. */
  cut(): void;
  /** Ends them when that many more bytes have passed towards the client. */
  cutAfter(bytes: number): void;
  readonly connections: number;
  close(): Promise<void>;
}

export async function tcpProxy(target: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let left = Infinity;
  let connections = 0;
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
    left = Infinity;
  };
  const server = createServer((near) => {
    connections += 1;
    const far = connect(target, "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.on("data", (data) => {
      // The last piece goes half: a cut is rarely between two frames.
      const passes = data.subarray(0, left);
      left -= passes.byteLength;
      if (!near.write(passes)) {
        far.pause();
        near.once("drain", () => far.resume());
      }
      if (left <= 0) near.end(cut);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    cutAfter: (bytes) => void (left = bytes),
    get connections() {
      return connections;
    },
    async close() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
