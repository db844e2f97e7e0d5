import { EventsError } from "../core/errors.ts";

/**
 * Checks one MessagePack value before anything is built from it: complete, nested at most `maxDepth` deep, every count
 * covered by bytes that are there, keys are strings, and of the extension types only `undefined`. The decoder behind it
 * would otherwise allocate what a header claims, and construct objects by names and codes from the wire.
 * Throws `EventsError` PROTOCOL or LIMIT.
 */
export function scan(bytes: Uint8Array, maxDepth: number): void {
  const end = bytes.byteLength;
  /** Values still to come in each open container; of maps twice the pairs, stored negative. */
  const open: number[] = [];
  let at = 0;
  for (;;) {
    if (at >= end) throw bad("it ends early");
    const byte = bytes[at++]!;
    const top = open.length - 1;
    if (top >= 0 && open[top]! < 0 && open[top]! % 2 === 0 && !isString(byte)) throw bad("a key is not a string");
    let count = 0;
    let isMap = false;
    let skip = 0;
    if (byte < 0x80 || byte >= 0xe0) skip = 0;
    else if (byte < 0x90) [count, isMap] = [byte & 0x0f, true];
    else if (byte < 0xa0) count = byte & 0x0f;
    else if (byte < 0xc0) skip = byte & 0x1f;
    else {
      switch (byte) {
        case 0xc0:
        case 0xc2:
        case 0xc3:
          break;
        case 0xc4:
        case 0xd9:
          skip = size(1);
          break;
        case 0xc5:
        case 0xda:
          skip = size(2);
          break;
        case 0xc6:
        case 0xdb:
          skip = size(4);
          break;
        case 0xcc:
        case 0xd0:
          skip = 1;
          break;
        case 0xcd:
        case 0xd1:
          skip = 2;
          break;
        case 0xca:
        case 0xce:
        case 0xd2:
          skip = 4;
          break;
        case 0xcb:
          skip = 8;
          break;
        case 0xd4:
          if (bytes[at] !== 0 || bytes[at + 1] !== 0) throw bad("it has an extension type");
          skip = 2;
          break;
        case 0xdc:
          count = size(2);
          break;
        case 0xdd:
          count = size(4);
          break;
        case 0xde:
          [count, isMap] = [size(2), true];
          break;
        case 0xdf:
          [count, isMap] = [size(4), true];
          break;
        default:
          throw bad(`byte 0x${byte.toString(16)} is not allowed`);
      }
    }
    at += skip;
    if (at > end) throw bad("it ends early");
    const values = isMap ? count * 2 : count;
    if (values > end - at) throw bad("a count is larger than the rest");
    if (top >= 0) open[top] = open[top]! > 0 ? open[top]! - 1 : open[top]! + 1;
    if (values > 0) {
      if (open.length >= maxDepth) {
        throw new EventsError("LIMIT", `Cannot read a body: nested deeper than ${maxDepth}`, { depth: maxDepth });
      }
      open.push(isMap ? -values : values);
    }
    while (open.length > 0 && open[open.length - 1] === 0) open.pop();
    if (open.length === 0) break;
  }
  if (at !== end) throw bad("bytes follow it");

  function size(width: 1 | 2 | 4): number {
    if (at + width > end) throw bad("it ends early");
    let value = 0;
    for (let i = 0; i < width; i++) value = value * 256 + bytes[at++]!;
    return value;
  }
}

function isString(byte: number): boolean {
  return (byte >= 0xa0 && byte < 0xc0) || (byte >= 0xd9 && byte <= 0xdb);
}

function bad(what: string): EventsError {
  return new EventsError("PROTOCOL", `Cannot read a body: not one MessagePack value, ${what}`);
}
