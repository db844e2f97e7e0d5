/** The body of an answer: read with progress and a limit, as what the node asks for. */
import type { BlobAccess, BlobRef } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { allBytes } from "./content.ts";

/** Its bytes, each piece reported. */
export async function* counted(
  response: Response,
  onBytes: (done: number, total?: number) => void,
): AsyncGenerator<Uint8Array> {
  if (!response.body) return;
  // A compressed body is counted as it comes out; its length says nothing about that.
  const length = response.headers.get("content-encoding") === null ? Number(response.headers.get("content-length")) : 0;
  const total = length > 0 ? length : undefined;
  let done = 0;
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    onBytes((done += chunk.byteLength), total);
    yield chunk;
  }
}

export interface BodyOptions {
  as: "json" | "text" | "file" | "bytes";
  limitBytes: number;
  /** For messages. */
  request: string;
  url: URL;
  blob: BlobAccess;
}

/** Undefined for an empty body of JSON. Throws `NodeError`: `LIMIT`, `JSON`. */
export async function bodyOf(
  response: Response,
  chunks: AsyncIterable<Uint8Array>,
  { as, limitBytes, request, url, blob }: BodyOptions,
): Promise<unknown> {
  const tooLarge = (): NodeError =>
    new NodeError(
      `Cannot take the answer of ${request}: it is larger than ${limitBytes} bytes; raise limitBytes, or use \`responseType: file\``,
      { code: "LIMIT", class: "resource", retryable: false },
    );
  if (as === "file") return await toFile(response, within(chunks, limitBytes, tooLarge), url, blob);
  const bytes = await allBytes(chunks, limitBytes, tooLarge);
  if (as === "bytes") return bytes;
  if (as === "text") return new TextDecoder(charsetOf(response)).decode(bytes);
  if (bytes.byteLength === 0) return undefined;
  const text = new TextDecoder().decode(bytes);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const type = response.headers.get("content-type") ?? "no type";
    throw new NodeError(
      `Cannot read the answer of ${request} as JSON (${type}): ${(error as Error).message}; it starts ${JSON.stringify(text.slice(0, 80))}; set \`responseType: text\``,
      { code: "JSON", class: "user", http: response.status, retryable: false },
      { cause: error },
    );
  }
}

async function* within(
  chunks: AsyncIterable<Uint8Array>,
  limitBytes: number,
  tooLarge: () => Error,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of chunks) {
    if ((size += chunk.byteLength) > limitBytes) throw tooLarge();
    yield chunk;
  }
}

async function toFile(
  response: Response,
  chunks: AsyncIterable<Uint8Array>,
  url: URL,
  blob: BlobAccess,
): Promise<BlobRef> {
  const type = response.headers.get("content-type")?.split(";")[0]?.trim() || "application/octet-stream";
  const name = url.pathname.split("/").at(-1);
  return await blob.put(chunks, { type, ...(name ? { name: decodeName(name) } : {}) });
}

function decodeName(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function charsetOf(response: Response): string {
  const charset = /charset="?([^";\s]+)/i.exec(response.headers.get("content-type") ?? "")?.[1];
  try {
    return new TextDecoder(charset ?? "utf-8").encoding;
  } catch {
    return "utf-8";
  }
}
