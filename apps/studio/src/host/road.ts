import type { Transport } from "@atomiton/events";
import { pageTransport } from "@atomiton/events/electron/renderer";
import { webSocketTransport } from "@atomiton/events/websocket";
import { libraryContract, runtimeContract } from "@atomiton/runtime/client";

/** The way from this page to its host; undefined where it has no key. The desktop app knows its own pages: no key. */
export function roadToHost(token: string | undefined, scheme = location.protocol): Transport | undefined {
  if (scheme === "app:") return pageTransport({ contracts: [runtimeContract.id, libraryContract.id] });
  return token === undefined ? undefined : webSocketTransport("/bus", { token });
}
