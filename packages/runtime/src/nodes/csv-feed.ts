/** Bytes to the parser, and what it says to a person. */
import type { CsvError, Parser } from "csv-parse";

import { NodeError } from "../errors.ts";

/** A wrong quote makes one record of a whole file: refused here instead of filling memory. Characters. */
export const RECORD_LIMIT = 1024 ** 2;

/** Writes to the parser as fast as it takes it. A failure of the source ends the parser, which its reader sees. */
export async function feed(
  parser: Parser,
  chunks: AsyncIterable<[bytes: number, data: Uint8Array | string]>,
  onBytes: (done: number) => void,
): Promise<void> {
  let done = 0;
  try {
    for await (const [bytes, data] of chunks) {
      if (parser.destroyed) return;
      const hasRoom = parser.write(data);
      onBytes((done += bytes));
      if (!hasRoom) await drained(parser);
    }
    parser.end();
  } catch (error) {
    parser.destroy(error as Error);
  }
}

function drained(parser: Parser): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      parser.off("drain", go);
      parser.off("close", go);
      resolve();
    };
    parser.once("drain", go);
    parser.once("close", go);
    if (parser.destroyed) go();
  });
}

/** UTF-8 goes to the parser as bytes, checked on the way; anything else as text. */
export async function* decoded(
  name: string,
  encoding: string,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<[bytes: number, data: Uint8Array | string]> {
  let decoder: InstanceType<typeof TextDecoder>;
  try {
    decoder = new TextDecoder(encoding, { fatal: true });
  } catch {
    throw new NodeError(
      `Cannot read "${name}": no encoding is called "${encoding}"; use utf-8, windows-1252 or utf-16le`,
      {
        code: "CONFIG",
        class: "config",
        retryable: false,
      },
    );
  }
  const isUtf8 = decoder.encoding === "utf-8";
  let done = 0;
  const decode = (chunk: Uint8Array | undefined): string => {
    try {
      return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
    } catch (error) {
      throw new NodeError(
        `Cannot read "${name}": after byte ${done} it is not ${decoder.encoding}; set \`encoding\` to what it is, such as windows-1252`,
        { code: "ENCODING", class: "user", retryable: false },
        { cause: error },
      );
    }
  };
  for await (const chunk of chunks) {
    const text = decode(chunk);
    done += chunk.byteLength;
    yield [chunk.byteLength, isUtf8 ? chunk : text];
  }
  const rest = decode(undefined);
  if (!isUtf8 && rest !== "") yield [0, rest];
}

const SAID: Record<string, string> = {
  CSV_QUOTE_NOT_CLOSED: "a quote is opened and never closed",
  CSV_INVALID_CLOSING_QUOTE:
    "after a closing quote stands something else than a delimiter; double quotes inside a field",
  INVALID_OPENING_QUOTE:
    "a quote stands inside a field that is not quoted; quote the whole field and double the quotes inside",
  CSV_MAX_RECORD_SIZE: `a row is longer than ${RECORD_LIMIT} characters; check quote and delimiter`,
};

/** With line and field, where the parser knows them; anything else passes as it is. */
export function csvError(name: string, line: number, error: unknown): unknown {
  const { code, lines, column } = error as CsvError & { lines?: number; column?: number | string };
  if (error instanceof NodeError || typeof code !== "string" || !(code.startsWith("CSV_") || code in SAID))
    return error;
  const where = `line ${lines ?? line + 1}${typeof column === "number" ? `, field ${column + 1}` : ""}`;
  return new NodeError(
    `Cannot read "${name}", ${where}: ${SAID[code] ?? (error as Error).message}; correct the file, or the node's quote and delimiter`,
    { code: code.startsWith("CSV_") ? code : `CSV_${code}`, class: "user", retryable: false },
    { cause: error },
  );
}
