import { NodeError } from "../errors.ts";
import type { RtError } from "../errors.ts";

/** Worth another attempt: the server says "later", or something between it and us failed. */
const RETRYABLE_STATUS = new Set([408, 425, 429, 500, 502, 503, 504]);
/** Of an error answer's body, in the message. */
const BODY_CHARACTERS = 300;

/** An answer other than 2xx, with the start of what the server said. */
export async function httpFailure(
  method: string,
  shown: string,
  response: Response,
  chunks: AsyncIterable<Uint8Array>,
): Promise<NodeError> {
  const { status, statusText } = response;
  const decoder = new TextDecoder();
  let said = "";
  // Leaving the loop cancels the rest of the body.
  for await (const chunk of chunks) {
    said += decoder.decode(chunk, { stream: true });
    if (said.length >= BODY_CHARACTERS) break;
  }
  const text = said.slice(0, BODY_CHARACTERS).replace(/\s+/g, " ").trim();
  const isRetryable = RETRYABLE_STATUS.has(status);
  const wayOut = isRetryable ? "try again later, or give the node a `retry`" : wayOutOf(status);
  return new NodeError(
    `Cannot ${method} "${shown}": the server answered ${status}${statusText === "" ? "" : ` ${statusText}`}${text === "" ? "" : ` (${text})`}; ${wayOut}`,
    { code: `http.${status}`, class: "http", http: status, retryable: isRetryable },
  );
}

function wayOutOf(status: number): string {
  if (status === 401 || status === 403) return "check the credentials in `headers`";
  if (status === 404 || status === 410) return "check the URL";
  return status < 400
    ? "raise `maxRedirects`, or set `failOnStatus: false`"
    : "check the request, or set `failOnStatus: false`";
}

const NETWORK: Record<string, string> = {
  ECONNREFUSED: "nobody listens there; check address and port, and that the server runs",
  ENOTFOUND: "its name is not known; check the host name and the network",
  EAI_AGAIN: "its name could not be looked up just now; check the network",
  ECONNRESET: "the connection was cut; try again",
  EPIPE: "the connection was cut; try again",
  UND_ERR_SOCKET: "the connection was cut; try again",
  EHOSTUNREACH: "no way leads there; check the network",
  ENETUNREACH: "no way leads there; check the network",
  BAD_PORT: "fetch refuses ports that belong to other protocols; let the server listen on another",
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "the answer is shorter or longer than announced; try again",
};
const TIMEOUT = new Set(["ETIMEDOUT", "UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"]);
const CERTIFICATE = /CERT|SELF_SIGNED|ERR_TLS|ERR_SSL|EPROTO|LEAF_SIGNATURE/;

/** What `fetch` or a body threw, said with its real cause; node and store errors pass as they are. */
export function transportError(method: string, shown: string, error: unknown): unknown {
  if (error instanceof NodeError || !(error instanceof Error)) return error;
  const cause = deepest(error);
  const found = cause.code ?? (error as { code?: unknown }).code;
  if (typeof found !== "string" && !(error instanceof TypeError && error.message === "fetch failed")) return error;
  // The one refusal of `fetch` itself that can happen here, and it has no code.
  const isBadPort = cause.message === "bad port";
  const code = typeof found === "string" ? found : isBadPort ? "BAD_PORT" : "NETWORK";
  return new NodeError(`Cannot ${method} "${shown}": ${wayOut(code, cause)}`, classify(code), {
    cause: error,
  });
}

/** `fetch failed` and `terminated` say nothing: the reason is their cause, or the first of its several. */
function deepest(error: Error): Error & { code?: unknown } {
  let at: Error & { code?: unknown; errors?: unknown[] } = error;
  for (let depth = 0; depth < 5; depth += 1) {
    const next = (at.cause ?? at.errors?.[0]) as Error | undefined;
    if (!(next instanceof Error)) break;
    at = next;
  }
  return at;
}

function wayOut(code: string, cause: Error): string {
  if (TIMEOUT.has(code)) return "the server took too long; try again later, or check the address";
  if (CERTIFICATE.test(code))
    return `its certificate or TLS is not accepted (${cause.message}); check the address and its certificate`;
  return NETWORK[code] ?? `the exchange failed (${cause.message}); check the address and the network`;
}

function classify(code: string): Omit<RtError, "message"> {
  if (code === "BAD_PORT") return { code, class: "config", retryable: false };
  if (TIMEOUT.has(code)) return { code: "TIMEOUT", class: "timeout", retryable: true };
  return { code, class: "network", retryable: !CERTIFICATE.test(code) };
}
