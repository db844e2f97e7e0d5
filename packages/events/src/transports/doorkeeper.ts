import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

import { EventsError } from "../core/errors.ts";
import { TOKEN_PROTOCOL } from "./socket.ts";

const AUTHENTICATE_MS = 10_000;

/** What the server decided about a peer. Nothing of it comes from the peer's own words. */
export interface Admission {
  /** Left out: the role that the peer claims, where a contract names it. */
  readonly role?: string;
  /** Rights, as `execute:blueprint`; `*` is all. */
  readonly grants: readonly string[];
  readonly user?: string;
  /** May it speak for buses behind it? Default false. */
  readonly routes?: boolean;
}

export interface DoorkeeperOptions {
  /** Whoever shows it is admitted as `admits` says. Required unless `authenticate` is given. */
  readonly token?: string;
  /** What a holder of `token` is. Default: the role that it claims, with every right. */
  readonly admits?: Admission;
  /** Decides in the place of `token`. Undefined refuses; so does a throw, and no answer in time. */
  readonly authenticate?: (
    request: IncomingMessage,
    token: string | undefined,
  ) => Admission | undefined | Promise<Admission | undefined>;
  /** How long `authenticate` may take. Default 10,000. */
  readonly authenticateTimeoutMs?: number;
}

/** How a request is judged: by `authenticate`, or by the token, compared so that the time taken tells nothing. */
export function doorkeeper(
  options: DoorkeeperOptions,
  onError: (error: unknown) => void,
): (request: IncomingMessage) => Promise<Admission | undefined> {
  const { token, authenticate, admits = { grants: ["*"] } } = options;
  if (authenticate) {
    const patience = options.authenticateTimeoutMs ?? AUTHENTICATE_MS;
    return async (request) => {
      let late: ReturnType<typeof setTimeout> | undefined;
      const tooLate = new Promise<undefined>((resolve) => (late = setTimeout(() => resolve(undefined), patience)));
      try {
        return await Promise.race([authenticate(request, tokenOf(request)), tooLate]);
      } catch (error) {
        onError(error);
        return undefined;
      } finally {
        clearTimeout(late);
      }
    };
  }
  if (!token) {
    throw new EventsError(
      "UNPROTECTED",
      "Cannot serve WebSockets: nothing decides who may enter; pass `token` or `authenticate`",
    );
  }
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const wanted = digest(token);
  return async (request) => {
    const shown = tokenOf(request);
    return shown !== undefined && timingSafeEqual(digest(shown), wanted) ? admits : undefined;
  };
}

/** The subprotocols that a request offers, our token among them. */
export function offered(request: IncomingMessage): string[] {
  return (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
}

function tokenOf(request: IncomingMessage): string | undefined {
  const shown = offered(request).find((name) => name.startsWith(TOKEN_PROTOCOL));
  return shown === undefined ? undefined : Buffer.from(shown.slice(TOKEN_PROTOCOL.length), "base64url").toString();
}
