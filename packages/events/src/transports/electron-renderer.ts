/** A page of an Electron app. Needs no types of a page: only what it finds is used. */
import type { CloseCause, Connection, Transport } from "../wire/transport.ts";
import { CHANNEL, KNOCK, REFUSED } from "./electron-port.ts";
import { portTransport, type PortLike } from "./port.ts";

/** The part of `ipcRenderer` that is used here. */
export interface IpcRendererLike {
  postMessage(channel: string, message: any, transfer?: any): void;
}

export interface PageTransportOptions {
  /** For preloads and pages that have it. Left out: the page asks its preload, `@atomiton/events/electron/preload`. */
  readonly ipcRenderer?: IpcRendererLike;
  /** Ids of the contracts that the bus speaks: where main has several buses, it chooses by them. */
  readonly contracts?: readonly string[];
  /** A page whose preload says nothing for this long has none, and the link ends. Milliseconds, default 5,000. */
  readonly preloadTimeoutMs?: number;
}

const PRELOAD_TIMEOUT_MS = 5_000;

interface PageGlobals {
  readonly location: { readonly origin: string };
  postMessage(message: unknown, origin: string, ports: readonly unknown[]): void;
}

/**
 * Speaks, in a page of an Electron app, with whoever main lets answer: a bus in main, or one in a utility process. When
 * that end goes away it dials again. `new EventBus()` uses it by itself in an Electron page.
 *
 * The link ends with REJECTED where main refuses the page, and with LINK_LOST where the window has no preload of ours.
 *
 * @example
 * const bus = new EventBus({ contract, role: "ui", connect: false });
 * bus.connect(pageTransport());
 */
export function pageTransport(options: PageTransportOptions = {}): Transport {
  const { ipcRenderer, contracts, preloadTimeoutMs = PRELOAD_TIMEOUT_MS } = options;
  return {
    name: "electron",
    medium: "clone",
    redials: true,
    open(events): Connection {
      const { port1, port2 } = new MessageChannel();
      let isOver = false;
      const end = (cause: CloseCause): void => {
        if (isOver) return;
        isOver = true;
        clearTimeout(patience);
        connection.close(cause.reason);
        events.onClose(cause);
      };
      const alone = (): void =>
        end({
          kind: "failed",
          reason:
            'no preload answered: give the window\'s webPreferences.preload the file of "@atomiton/events/electron/preload"',
          mayRetry: false,
        });
      const patience = ipcRenderer === undefined ? setTimeout(alone, preloadTimeoutMs) : undefined;
      const connection = portTransport(port1 as PortLike).open({
        onOpen: () => events.onOpen(),
        onDrain: () => events.onDrain(),
        onFrame(frame) {
          if (isOver) return;
          clearTimeout(patience);
          const said: unknown = (frame as readonly unknown[] | null)?.[0];
          if (said === KNOCK) return;
          if (said !== REFUSED) return events.onFrame(frame);
          const [, reason, mayRetry] = frame as readonly unknown[];
          end({ kind: mayRetry === true ? "gone" : "refused", reason: String(reason), mayRetry: mayRetry === true });
        },
        // A host that ended may be there again: what ends for good was refused.
        onClose: ({ kind, reason }) => end({ kind, reason, mayRetry: kind !== "local" }),
      });
      const hello = { atomiton: CHANNEL, contracts };
      if (ipcRenderer !== undefined) ipcRenderer.postMessage(CHANNEL, hello, [port2]);
      else {
        const page = globalThis as unknown as PageGlobals;
        // A page of a file has no origin that could be named; only this window hears what is posted to it.
        const { origin } = page.location;
        page.postMessage(hello, origin === "null" || origin === "file://" ? "*" : origin, [port2]);
      }
      return connection;
    },
  };
}
