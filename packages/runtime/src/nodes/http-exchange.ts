/** One request with its redirects, followed here and not by `fetch`: so that their number is ours to bound. */
import type { BlobAccess } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { bytesOf, isBlobRef } from "./content.ts";

export interface Exchange {
  method: string;
  url: URL;
  headers: Headers;
  body: unknown;
  blob: BlobAccess;
  maxRedirects: number;
  signal: AbortSignal;
}

type Body = NonNullable<RequestInit["body"]>;

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Not sent to another origin: it was not the one they were meant for. */
const CREDENTIALS = ["authorization", "cookie", "proxy-authorization"];

/** The last answer, its body unread. */
export async function exchange(request: Exchange): Promise<{ response: Response; url: URL }> {
  const headers = new Headers(request.headers);
  let { method, url, body } = request;
  if (body !== undefined && body !== null && !headers.has("content-type")) headers.set("content-type", mediaType(body));
  if ((method === "GET" || method === "HEAD") && body !== undefined && body !== null) {
    throw new NodeError(`Cannot send a body with ${method}: HTTP gives it no meaning; use POST, or \`query\``, {
      code: "CONFIG",
      class: "config",
      retryable: false,
    });
  }
  for (let redirects = 0; ; redirects += 1) {
    const response = await fetch(url, {
      method,
      headers,
      redirect: "manual",
      signal: request.signal,
      ...(body === undefined || body === null ? {} : bodyInit(body, headers, request.blob)),
    });
    const location = response.headers.get("location");
    if (request.maxRedirects === 0 || location === null || !REDIRECTS.has(response.status)) return { response, url };
    // Its connection goes back only when the body is read or cancelled.
    await response.body?.cancel();
    if (redirects >= request.maxRedirects) throw refused(method, url, `it redirected more than ${redirects} times`);
    const next = target(method, url, location);
    if (next.origin !== url.origin) for (const name of CREDENTIALS) headers.delete(name);
    if (response.status === 303 || (response.status <= 302 && method === "POST")) {
      if (method !== "HEAD") method = "GET";
      body = undefined;
      for (const name of ["content-type", "content-length"]) headers.delete(name);
    }
    url = next;
  }
}

function target(method: string, from: URL, location: string): URL {
  const next = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  if (next && (next.protocol === "http:" || next.protocol === "https:")) return next;
  throw refused(method, from, `it redirects to ${JSON.stringify(location.slice(0, 100))}, which is no http address`);
}

function refused(method: string, url: URL, state: string): NodeError {
  return new NodeError(`Cannot ${method} "${url.origin}${url.pathname}": ${state}; check the address`, {
    code: "HTTP_REDIRECT",
    class: "http",
    retryable: false,
  });
}

function mediaType(body: unknown): string {
  if (isBlobRef(body)) return body.type;
  if (typeof body === "string") return "text/plain;charset=utf-8";
  return body instanceof Uint8Array ? "application/octet-stream" : "application/json";
}

function bodyInit(body: unknown, headers: Headers, blob: BlobAccess): { body: Body; duplex?: "half" } {
  if (!isBlobRef(body)) {
    if (typeof body === "string" || body instanceof Uint8Array) return { body: body as Body };
    return { body: JSON.stringify(body) };
  }
  // Streamed, and opened anew on each redirect. With its length, or many servers refuse it.
  headers.set("content-length", String(body.size));
  return { body: ReadableStream.from(bytesOf(body, blob)) as unknown as Body, duplex: "half" };
}
