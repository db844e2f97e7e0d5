/** What `app://studio` answers: Studio's files and the blobs of executions, each with the rules of the page by header. */
import { readFile } from "node:fs/promises";
import { extname, join, sep } from "node:path";
import { Readable } from "node:stream";

import type { BlobStore } from "@atomiton/runtime";

import { STUDIO } from "./words.ts";

const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  // The graph and the editor place things by style elements of their own.
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const HEADERS = {
  "content-security-policy": CSP,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
};

const TYPES: ReadonlyMap<string, string> = new Map([
  [".html", "text/html; charset=utf-8"],
  [".js", "text/javascript; charset=utf-8"],
  [".css", "text/css; charset=utf-8"],
  [".svg", "image/svg+xml"],
  [".json", "application/json"],
  [".map", "application/json"],
  [".woff2", "font/woff2"],
]);

/** Answers requests for `app:` with the files below `folder`, and with blobs. */
export function answerWith(folder: string, blobs: BlobStore): (request: Request) => Promise<Response> {
  return async (request) => {
    const address = new URL(request.url);
    if (address.protocol + "//" + address.host !== STUDIO || request.method !== "GET") {
      return refusal(405, "Cannot answer: this app gives its own pages, by GET, and nothing else");
    }
    const path = pathIn(address);
    if (path === undefined) return refusal(400, "Cannot answer: the address is not well formed");
    const hash = /^\/blobs\/(sha256:[0-9a-f]{64})$/.exec(path)?.[1];
    if (hash !== undefined) return blob(blobs, hash);
    const file = join(folder, path === "/" ? "index.html" : path);
    const type = TYPES.get(extname(file));
    if (!file.startsWith(folder + sep) || type === undefined) return refusal(404, "Cannot find this page");
    const bytes = await readFile(file).catch(() => undefined);
    if (bytes === undefined) return refusal(404, "Cannot find this page");
    return new Response(bytes, { headers: { ...HEADERS, "content-type": type } });
  };
}

function pathIn(address: URL): string | undefined {
  try {
    return decodeURIComponent(address.pathname);
  } catch {
    return undefined;
  }
}

async function blob(blobs: BlobStore, hash: string): Promise<Response> {
  const known = await blobs.stat({ $blob: hash });
  if (known === undefined) return refusal(404, "Cannot give this blob: it is not here, or no longer");
  const bytes = Readable.from(blobs.open({ $blob: hash, size: known.size, type: "" }));
  // Always a download, never a page of ours: its bytes come from anywhere.
  return new Response(Readable.toWeb(bytes) as ReadableStream<Uint8Array>, {
    headers: {
      ...HEADERS,
      "content-type": "application/octet-stream",
      "content-disposition": "attachment",
      "content-length": String(known.size),
      "cache-control": "private, no-store",
    },
  });
}

function refusal(status: number, text: string): Response {
  return new Response(`${text}\n`, { status, headers: { ...HEADERS, "content-type": "text/plain; charset=utf-8" } });
}
