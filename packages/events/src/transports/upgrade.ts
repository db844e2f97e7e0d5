import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";

/** Names that always mean this machine, and that no stranger's DNS can point elsewhere. */
const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"];
const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  503: "Service Unavailable",
};

/** The `Host` header is this server's loopback name, or one that the user named. Without one: no. */
export function allowsHost(request: IncomingMessage, server: Server, also: readonly string[] = []): boolean {
  const host = request.headers.host?.toLowerCase();
  if (host === undefined) return false;
  return ownHosts(server).includes(host) || also.some((name) => name.toLowerCase() === host);
}

/** No `Origin` (a program), one of this server's own, or one that the user named. `null` (a sandboxed page) is foreign. */
export function allowsOrigin(request: IncomingMessage, server: Server, also: readonly string[] = []): boolean {
  const origin = request.headers.origin?.toLowerCase();
  if (origin === undefined) return true;
  const scheme = isTls(server) ? "https" : "http";
  return (
    ownHosts(server).some((host) => origin === `${scheme}://${host}`) ||
    also.some((name) => name.toLowerCase() === origin)
  );
}

/** Answers a request for an upgrade with a status instead, and ends its socket. */
export function refuse(socket: Duplex, status: number, text: string): void {
  const body = `${text}\n`;
  socket.on("error", () => {});
  socket.once("finish", () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_TEXT[status]}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** As a `Host` header says them: the port is left out where it is the scheme's own. */
function ownHosts(server: Server): string[] {
  const address = server.address();
  if (address === null || typeof address === "string") return [];
  const port = address.port === (isTls(server) ? 443 : 80) ? "" : `:${address.port}`;
  return LOOPBACK_NAMES.map((name) => name + port);
}

function isTls(server: Server): boolean {
  return "setSecureContext" in server;
}

export interface UpgradeListener {
  (request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Told to other servers of ours on the same port: a path that none of us serves must not be left without an answer. */
  servesPath?: string;
}

/** Asked by the listener of `own`: are all listeners ours, does none serve `path`, and is it the last to be asked? */
export function isNobodys(server: Server, path: string, own: string): boolean {
  const served = (server.listeners("upgrade") as UpgradeListener[]).map(({ servesPath }) => servesPath);
  return served.at(-1) === own && served.every((one) => one !== undefined && one !== path);
}

export function pathOf(request: IncomingMessage): string {
  return (request.url ?? "").split("?", 1)[0]!;
}
