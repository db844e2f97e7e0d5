import { ATTACH, connectPage, type ConnectsPages, type PageAdmission } from "./electron-port.ts";
import type { PortLike } from "./port.ts";

/** `process.parentPort` of a utility process. */
export interface ParentPortLike {
  on(type: "message", hear: (event: any) => void): unknown;
  removeListener(type: "message", hear: (event: any) => void): unknown;
}

/**
 * Connects, in a utility process, the pages that main sends here: `to` is the bus that serves them, or chooses it by the
 * contracts of the page. Returns the function that ends it. `new EventBus()` does it by itself in a utility process.
 *
 * @example
 * const bus = new EventBus({ contract, role: "host", connect: false });
 * acceptPages(bus);
 */
export function acceptPages(
  to: ConnectsPages | ((contracts: readonly string[]) => ConnectsPages | undefined),
  parentPort: ParentPortLike = ownParentPort(),
): () => void {
  const hear = ({ data, ports }: { readonly data: unknown; readonly ports: readonly PortLike[] }): void => {
    const said = data as { readonly [ATTACH]?: PageAdmission; hello?: { contracts?: readonly string[] } } | null;
    const admission = typeof said === "object" ? said?.[ATTACH] : undefined;
    const [port] = ports;
    if (admission === undefined || port === undefined) return;
    const bus = typeof to === "function" ? to(said?.hello?.contracts ?? []) : to;
    // Closed, the page dials again; dropped, it might wait.
    if (bus === undefined) port.close?.();
    else connectPage(bus, port, admission);
  };
  parentPort.on("message", hear);
  return () => parentPort.removeListener("message", hear);
}

function ownParentPort(): ParentPortLike {
  const { process } = globalThis as { process?: { readonly parentPort?: ParentPortLike } };
  if (process?.parentPort) return process.parentPort;
  throw new TypeError("Cannot accept pages: this is no utility process of Electron; call acceptPages in its script");
}
