import { execFile } from "node:child_process";

import { RuntimeError } from "../errors.ts";
import type { SecretSource } from "./source.ts";

/** A locked keychain asks its user: that long. */
const TIMEOUT_MS = 60_000;

/**
 * The desktop's keychain, by `secret-tool` (libsecret): the item with the attributes `service=atomiton` and
 * `name=<secret>`. Store one with `secret-tool store --label=cdnToken service atomiton name cdnToken`.
 * `read` rejects with `RuntimeError` `SECRET` when there is no `secret-tool`, or no keychain that it reaches.
 */
export function secretsFromKeychain({ command = "secret-tool" }: { command?: string } = {}): SecretSource {
  return {
    where: (name) => `the keychain (service atomiton, name ${name})`,
    read: (name) =>
      new Promise((resolve, reject) => {
        const asked = ["lookup", "service", "atomiton", "name", name];
        execFile(command, asked, { timeout: TIMEOUT_MS }, (error, stdout, stderr) => {
          if (!error) return resolve(stdout.replace(/\n$/, ""));
          // It says nothing and ends with 1 where there is no such item.
          if (error.code === 1 && stderr.trim() === "") return resolve(undefined);
          const isMissing = (error.code as unknown) === "ENOENT";
          const why = isMissing
            ? `there is no ${command} here; install libsecret's tools, or give it in the environment or a file`
            : `${stderr.trim() || (error.killed ? "it did not answer" : error.message)}; unlock the keychain, or give it in the environment or a file`;
          reject(
            new RuntimeError("SECRET", `Cannot read the secret "${name}" from the keychain: ${why}`, { secret: name }),
          );
        });
      }),
  };
}
