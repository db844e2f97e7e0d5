import type { RtError } from "../errors.ts";
import type { NodeDecl } from "./model.ts";
import type { Report } from "./scope.ts";
import { wayOut } from "./suggest.ts";

const CLASSES: Readonly<Record<RtError["class"], true>> = {
  network: true,
  timeout: true,
  http: true,
  process: true,
  resource: true,
  user: true,
  config: true,
  internal: true,
  cancelled: true,
};
const CODE = /^(?:[A-Z][A-Z0-9_]*|http\.[1-5](?:\d\d|xx))$/;

/** A word that no error can have would never let an attempt follow. */
export function checkRetry(decl: NodeDecl, where: string, report: Report): void {
  for (const word of decl.retry?.on ?? []) {
    if (Object.hasOwn(CLASSES, word) || CODE.test(word)) continue;
    report(
      "CONFIG",
      `${where}.retry.on`,
      decl.positions.get("retry") ?? decl.at,
      `Cannot retry "${decl.id}" on "${word}": no error is of that class, and codes are in capitals or http.503 and http.5xx; ${wayOut(word, [...Object.keys(CLASSES), "http.4xx", "http.5xx"], "")}`,
    );
  }
}
