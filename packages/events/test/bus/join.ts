import { z } from "zod";

import {
  command,
  defineContract,
  event,
  EventBus,
  memoryPair,
  type BusOptions,
  type ConnectPolicy,
  type Frame,
  type Link,
  type Transport,
} from "../../src/index.ts";

export const Item = z.object({ n: z.number(), run: z.string().optional() });

export const contract = defineContract("test@1", {
  "run:do": command(Item, Item, { from: ["ui"], to: ["host"], needs: "do:it" }),
  "run:ask": command(Item, Item, { from: ["ui"], to: ["host", "worker"] }),
  "run:sure": command(Item, Item, { from: ["ui"], to: ["host"], idempotent: true }),
  "run:told": event(Item, { from: ["host", "worker"], to: ["ui"] }),
  "run:state": event(Item, { from: ["host", "worker"], to: ["ui"] }),
  "run:both": [
    command(Item, Item, { from: ["ui"], to: ["host"] }),
    event(z.object({ text: z.string() }), { from: ["host"], to: ["ui"] }),
  ],
  "run:log": event(Item),
  "run:private": event(Item, { from: ["ui"], to: ["host"], needs: "do:it" }),
});

/** A bus that keeps what it reports, so that a test can show there was nothing. */
export function make(role: string, options: BusOptions = {}) {
  const faults: { code?: string; message: string }[] = [];
  const bus = new EventBus({ contract, role, onError: (fault) => faults.push(fault as Error), ...options });
  return Object.assign(bus, { faults });
}

export type Bus = ReturnType<typeof make>;

/** Keeps the frames that a transport sends; may go by another name. */
export function counted(transport: Transport, name: string = transport.name): Transport & { frames: Frame[] } {
  const frames: Frame[] = [];
  return {
    name,
    medium: transport.medium,
    redials: transport.redials,
    frames,
    open(events) {
      const connection = transport.open(events);
      return {
        send(frame) {
          frames.push(frame);
          return connection.send(frame);
        },
        close: (reason) => connection.close(reason),
      };
    },
  };
}

export interface Joined {
  readonly links: readonly [Link, Link];
  readonly frames: readonly [Frame[], Frame[]];
}

/** Links two buses over memory and waits until both know what the other hears. */
export async function join(
  a: Pick<Bus, "connect">,
  b: Pick<Bus, "connect">,
  atA: ConnectPolicy = {},
  atB: ConnectPolicy = {},
): Promise<Joined> {
  const [left, right] = memoryPair();
  const ends = [counted(left), counted(right)] as const;
  const links = [a.connect(ends[0], atA), b.connect(ends[1], atB)] as const;
  await Promise.all(links.map((link) => link.ready));
  return { links, frames: [ends[0].frames, ends[1].frames] };
}

/** Lets memory links carry all that is under way: each turn of the event loop empties the microtasks. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
