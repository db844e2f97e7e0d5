import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

import { CliError } from "../cli-error.ts";
import { inUrl } from "./hosts.ts";

/** Tried first when no port is asked for, so that the address stays the same from day to day. */
export const USUAL_PORT = 4810;

export interface Listening {
  readonly port?: number;
  readonly host: string;
}

/** Listens on `port`, or on the usual one, or on any that is free. Resolves with the port; rejects with `CliError`. */
export async function listen(server: Server, { port, host }: Listening): Promise<number> {
  const attempt = (candidate: number): Promise<number> =>
    new Promise((listening, refused) => {
      server.once("error", refused);
      server.listen(candidate, host, () => {
        server.off("error", refused);
        listening((server.address() as AddressInfo).port);
      });
    });
  try {
    return await attempt(port ?? USUAL_PORT);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "EADDRINUSE" && port === undefined) return attempt(0);
    const wayOut =
      code === "EADDRINUSE" ? "choose another with --port, or --port 0 for any free one" : "check --host and --port";
    throw new CliError(
      `Cannot listen on ${inUrl(host)}:${port ?? USUAL_PORT}: ${code === "EADDRINUSE" ? "the port is taken" : message}; ${wayOut}`,
    );
  }
}
