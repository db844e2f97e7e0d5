import { EventsError } from "../core/errors.ts";
import { pathText } from "./path.ts";

/** What its owner gave away, or is about to. */
const given = new WeakSet<ArrayBufferLike>();

/**
 * Marks bytes as given away: where the next bus is a thread of this process, or a worker of this page, they move there
 * without a copy, and are empty here (`byteLength` 0) as soon as `emit` or `request` returns. Returns what it was given,
 * so that it goes through schemas like any other bytes.
 *
 * They are copied all the same, and stay as they are, where they cannot move: to another process, to more than one
 * link at once, as a view on a part of their buffer, beside other data of more than 64 KiB. `inspect().links[].session`
 * counts `movedBytes` and `copiedBytes`. Sent a second time after they moved: UNCLONEABLE.
 *
 * @example bus.emit("frame:drawn", { pixels: transfer(pixels) });
 */
export function transfer<T extends ArrayBuffer | ArrayBufferView>(bytes: T): T {
  if (!ArrayBuffer.isView(bytes) && Object.prototype.toString.call(bytes) !== "[object ArrayBuffer]")
    throw new TypeError(`Cannot transfer ${typeof bytes}: it is no bytes; use a Uint8Array or an ArrayBuffer`);
  given.add(ArrayBuffer.isView(bytes) ? bytes.buffer : bytes);
  return bytes;
}

/** May this buffer be moved? Throws UNCLONEABLE for one that has moved already: it would arrive empty. */
export function isGiven(buffer: ArrayBufferLike, path: readonly (string | number)[]): buffer is ArrayBuffer {
  if (!given.has(buffer)) return false;
  if (buffer.byteLength > 0) return true;
  const where = pathText(path);
  throw new EventsError("UNCLONEABLE", `Cannot send "${where}": its bytes were given away; send others`, {
    path: where,
  });
}
