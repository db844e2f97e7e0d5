/**
 * Node's channel between a forked child and its parent, as a message port.
 *
 * 1. The program's own messages use the channel too: ours are lists that begin with TAG, and its own listeners see them.
 *    A link that must not be seen there goes over stdio (stdio.ts).
 * 2. The child says nothing before it is invited; each invitation has an id, so that a late frame of an ended connection
 *    is none of the next one.
 * 3. The channel must clone (`serialization: "advanced"`): over JSON a Date is a text and -0 is 0. The invitation carries
 *    bytes, and bytes that arrive as something else are answered with a refusal.
 */
import { GOODBYE, type PortLike } from "./port.ts";

/** A child of `fork`, or the `process` of one, by its shape. */
export interface ChannelLike {
  readonly connected?: boolean;
  send?(message: any, handle?: any, options?: any, sent?: (error: Error | null) => void): boolean;
  on(type: string, hear: (...values: any[]) => void): unknown;
  removeListener(type: string, hear: (...values: any[]) => void): unknown;
}

const TAG = "atomiton:ipc";
const NEEDS_CLONES = 'the channel carries JSON, which loses values; fork with { serialization: "advanced" }';

type Parcel = readonly [tag: typeof TAG, id: string, what: "invite" | "frame", value: unknown];

const isParcel = (value: unknown): value is Parcel => Array.isArray(value) && value[0] === TAG;

function post(channel: ChannelLike, id: string, what: Parcel[2], value: unknown): void {
  // With a callback a dead channel throws nothing and emits no `error`: it reports itself by `disconnect`.
  channel.send?.([TAG, id, what, value], undefined, undefined, () => {});
}

/** Asks the child to speak. */
export function invite(channel: ChannelLike, id: string): void {
  post(channel, id, "invite", Uint8Array.of(1));
}

/** One connection over the channel. */
export function channelPort(channel: ChannelLike, id: string): PortLike {
  const inner = new Map<(value: any) => void, (value: any) => void>();
  const nameOf = (type: string): string => (type === "close" ? "disconnect" : type);
  return {
    postMessage: (frame) => post(channel, id, "frame", frame),
    on(type, hear) {
      const listen = (value: unknown): void => {
        if (type !== "message") hear(value);
        else if (isParcel(value) && value[1] === id && value[2] === "frame") hear(value[3]);
      };
      inner.set(hear, listen);
      channel.on(nameOf(type), listen);
    },
    removeListener(type, hear) {
      channel.removeListener(nameOf(type), inner.get(hear) ?? hear);
      inner.delete(hear);
    },
  };
}

/** One message an invitation, whoever hears it: the first that takes it takes it from the others. */
const messages = new WeakMap<Parcel, object>();

/** The parent of a forked process, as a worker sees its own: `wrap` makes a message of the port it is invited to. */
export function forkedParent(channel: ChannelLike, wrap: (port: PortLike) => object): PortLike {
  const inner = new Map<(value: any) => void, (value: any) => void>();
  return {
    postMessage() {},
    on(_type, hear) {
      const listen = (value: unknown): void => {
        if (!isParcel(value) || value[2] !== "invite") return;
        if (!(value[3] instanceof Uint8Array)) {
          channelPort(channel, value[1]).postMessage([GOODBYE, NEEDS_CLONES]);
          return;
        }
        let message = messages.get(value);
        if (message === undefined) messages.set(value, (message = wrap(channelPort(channel, value[1]))));
        hear(message);
      };
      inner.set(hear, listen);
      channel.on("message", listen);
    },
    removeListener(_type, hear) {
      channel.removeListener("message", inner.get(hear) ?? hear);
      inner.delete(hear);
    },
  };
}
