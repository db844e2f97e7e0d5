/**
 * One WebSocket, dialled or accepted, as a Connection. Structural: the platform's class and that of `ws` both fit.
 *
 * 1. The last frame comes before `onClose`, and nothing comes after it: the handlers are taken off the socket first.
 * 2. What was handed to the socket can no longer be overtaken, so little of it may wait there: see HIGH_WATER_BYTES.
 * 3. `onerror` is never left empty: `ws` would throw its error into the process.
 */
import type { CloseCause, Connection, ConnectionEvents } from "../wire/transport.ts";

/** The part of a WebSocket that is used here. */
export interface SocketLike {
  readonly readyState: number;
  readonly bufferedAmount: number;
  /** Dialling again fails too. */
  readonly isUntrusted?: boolean;
  binaryType: string;
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  send(data: Uint8Array<ArrayBuffer>, sent?: () => void): void;
  close(code?: number, reason?: string): void;
}

/** Spoken by both sides: the version of the transport, not of the contract. */
export const SUBPROTOCOL = "atomiton.v1";
/** Offered beside it by a client whose socket carries several connections: see trunk.ts. */
export const SHARED_PROTOCOL = "atomiton.shared.v1";
/** Before a token in base64url: a subprotocol is the one header that a page may set. */
export const TOKEN_PROTOCOL = "atomiton.token.";

/** Sent by our server in the place of HTTP 401: a page cannot read the status of a refused upgrade. */
export const CLOSE_BAD_TOKEN = 4401;
const CLOSE_FORBIDDEN = 4403;
const CLOSE_NORMAL = 1000;
const CLOSE_NOT_BINARY = 3003;

/** Four chunks of 64 KiB: enough to keep the wire busy between two looks, little for a pause command to wait for. */
const HIGH_WATER_BYTES = 256 * 1024;
const LOW_WATER_BYTES = 64 * 1024;
/** Browsers tell nobody when their buffer empties. 4 ms is the shortest wait that they give. */
const POLL_MS = 4;
/** RFC 6455, 5.5.1: 125 bytes, of which the code takes two. */
const REASON_LIMIT_BYTES = 123;
const OPEN = 1;

/** Codes after which the same dial would end the same way: bad data, too big, against the policy, refused. */
const FINAL_CODES: ReadonlySet<number> = new Set([1003, 1007, 1008, 1009, CLOSE_NOT_BINARY]);
const REFUSED_STATUS: ReadonlySet<number> = new Set([400, 401, 403, 404, 405, 426]);

export interface SocketOptions {
  /** The socket calls back for each frame sent (`ws`); else its buffer is looked at every 4 ms while it is full. */
  readonly callsBack: boolean;
  /** A dial that is not answered by then ends as `failed`. Left out: the socket is open already. */
  readonly dialTimeoutMs?: number;
}

/** Gives the socket to a session. The socket belongs to the connection from here on. */
export function connectSocket(socket: SocketLike, events: ConnectionEvents, options: SocketOptions): Connection {
  let at: "dialing" | "open" | "closed" = "dialing";
  let full = false;
  let failure = "";
  let timer: unknown;

  const end = (): void => {
    at = "closed";
    clearTimeout(timer);
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = () => {};
  };
  const hangUp = (code: number, reason: string, cause: CloseCause): void => {
    if (at === "closed") return;
    end();
    socket.close(code, closeReason(reason));
    // Not inside the caller's own `close`.
    queueMicrotask(() => events.onClose(cause));
  };
  const open = (): void => {
    if (at !== "dialing") return;
    clearTimeout(timer);
    at = "open";
    events.onOpen();
  };
  const look = (): void => {
    if (at !== "open" || !full) return;
    if (socket.bufferedAmount <= LOW_WATER_BYTES) {
      full = false;
      events.onDrain();
    } else if (!options.callsBack) timer = setTimeout(look, POLL_MS);
  };

  socket.binaryType = "arraybuffer";
  socket.onopen = open;
  socket.onmessage = (event: { data: unknown }) => {
    if (event.data instanceof ArrayBuffer) events.onFrame(new Uint8Array(event.data));
    else
      hangUp(CLOSE_NOT_BINARY, "binary frames only", { kind: "gone", reason: "The peer sent text", mayRetry: false });
  };
  socket.onerror = (event: { message?: string }) => (failure = event.message ?? "");
  socket.onclose = (event: { code: number; reason: string }) => {
    const cause = causeOf(event.code, event.reason, failure, at === "open", socket.isUntrusted !== true);
    end();
    events.onClose(cause);
  };

  if (options.dialTimeoutMs !== undefined) {
    const limit = options.dialTimeoutMs;
    timer = setTimeout(() => {
      const reason = `No answer within ${limit} ms`;
      hangUp(CLOSE_NORMAL, reason, { kind: "failed", reason, mayRetry: true });
    }, limit);
  }
  if (socket.readyState === OPEN) queueMicrotask(open);

  return {
    send(frame) {
      // A socket that is closing drops what it is given; its `onclose` is on the way.
      if (at !== "open") return true;
      socket.send(frame as Uint8Array<ArrayBuffer>, options.callsBack ? look : undefined);
      if (full || socket.bufferedAmount <= HIGH_WATER_BYTES) return !full;
      full = true;
      if (!options.callsBack) timer = setTimeout(look, POLL_MS);
      return false;
    },
    close(reason = "Closed here") {
      hangUp(CLOSE_NORMAL, reason, { kind: "local", reason, mayRetry: false });
    },
  };
}

/** A WebSocket's end in the words of a transport. `failure` is the text of its error, which `ws` fills with the status. */
function causeOf(code: number, said: string, failure: string, wasOpen: boolean, mayRetry: boolean): CloseCause {
  if (code === CLOSE_BAD_TOKEN || code === CLOSE_FORBIDDEN) {
    return { kind: "refused", reason: said || `Refused with close code ${code}`, mayRetry: false };
  }
  if (wasOpen) {
    return { kind: "gone", reason: said || failure || `Closed with code ${code}`, mayRetry: !FINAL_CODES.has(code) };
  }
  const status = Number(/server response: (\d{3})/.exec(failure)?.[1]);
  if (REFUSED_STATUS.has(status)) {
    const reason = `The server refused with HTTP status ${status}; check the address, its path and the token`;
    return { kind: "refused", reason, mayRetry: false };
  }
  const reason = failure || `Closed with code ${code} before it opened; check the address, its path and certificate`;
  return { kind: "failed", reason, mayRetry };
}

/** Cut to what a close frame holds, between two characters. */
export function closeReason(reason: string): string {
  const bytes = new TextEncoder().encode(reason);
  if (bytes.byteLength <= REASON_LIMIT_BYTES) return reason;
  let end = REASON_LIMIT_BYTES;
  while ((bytes[end]! & 0xc0) === 0x80) end -= 1;
  return new TextDecoder().decode(bytes.subarray(0, end));
}
