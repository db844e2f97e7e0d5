/** Where Electron is missing its tests are skipped: loudly, and on CI that fails. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, onTestFinished, test } from "vitest";

test.each([
  ["", 0],
  ["true", 1],
])("without Electron scripts/electron.sh says that it skips; with CI=%o it exits with %o", (ci, status) => {
  const dir = mkdtempSync(join(tmpdir(), "atomiton-electron-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  cpSync(join(import.meta.dirname, "../scripts/electron.sh"), join(dir, "a/scripts/electron.sh"), { recursive: true });
  const env = { ...process.env, CI: ci, ELECTRON_OVERRIDE_DIST_PATH: "" };
  const ran = spawnSync("bash", ["a/scripts/electron.sh", "echo", "ran"], { cwd: dir, env, encoding: "utf8" });
  expect(ran).toMatchObject({ status, stdout: "", stderr: expect.stringContaining("SKIPPED: no Electron is here") });
});
