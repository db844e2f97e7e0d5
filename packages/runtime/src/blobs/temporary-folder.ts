import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Folders to remove should the process end without closing. One listener on the process for all of them. */
const atExit = new Set<string>();
const removeAll = (): void => {
  for (const path of atExit) rmSync(path, { recursive: true, force: true });
};

/** A folder of this process, made when it is first asked for. */
export function temporaryFolder(): { path(): Promise<string>; remove(): Promise<void> } {
  let made: Promise<string> | undefined;
  return {
    path() {
      made ??= mkdtemp(join(tmpdir(), "atomiton-")).then((path) => {
        if (atExit.size === 0) process.on("exit", removeAll);
        atExit.add(path);
        return path;
      });
      return made;
    },
    async remove() {
      if (!made) return;
      const path = await made;
      await rm(path, { recursive: true, force: true });
      if (atExit.delete(path) && atExit.size === 0) process.off("exit", removeAll);
    },
  };
}
