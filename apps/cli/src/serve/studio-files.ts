import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

import { CliError, exitCode } from "../cli-error.ts";

/** Where Studio's built page may stand, seen from the command's own file. */
const PLACES = ["../../studio/dist", "../studio", "studio"];

/** The folder of Studio's built files, beside the bundle that runs. */
export function findStudio(commandFile: string): string {
  const folder = dirname(commandFile);
  for (const place of PLACES) {
    const candidate = join(folder, place);
    if (existsSync(join(candidate, "index.html"))) return candidate;
  }
  throw new CliError(
    `Cannot serve Studio: its built page is not at "${join(folder, PLACES[0] ?? "")}"; build it with "npm run build"`,
    exitCode.failed,
  );
}
