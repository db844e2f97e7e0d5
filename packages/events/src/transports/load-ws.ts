import { createRequire } from "node:module";

import type * as Ws from "ws";

import { EventsError } from "../core/errors.ts";

/** An optional peer dependency, loaded when it is used. In a file of its own, so that no door's types need those of `ws`. */
export function loadWs(action: string): typeof Ws {
  try {
    return createRequire(import.meta.url)("ws") as typeof Ws;
  } catch (cause) {
    throw new EventsError(
      "MISSING_DEPENDENCY",
      `Cannot ${action}: the package "ws" is not installed; run npm install ws@8`,
      { package: "ws" },
      { cause },
    );
  }
}
