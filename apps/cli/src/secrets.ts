import {
  firstOf,
  secretsFromEnvironment,
  secretsFromFile,
  secretsFromKeychain,
  type SecretSource,
} from "@atomiton/runtime";
import type { Command } from "commander";

import { CliError } from "./cli-error.ts";
import { collect } from "./options.ts";

export interface SecretOptions {
  secret: string[];
  secretsFile?: string;
  keychain?: true;
}

/** Adds the options that say where the secrets of Blueprints come from. No value is ever an argument: others see those. */
export function withSecretOptions(command: Command): Command {
  return command
    .option(
      "--secret <name=VARIABLE>",
      "take this secret from this environment variable, not from ATOMITON_SECRET_<name> (repeatable)",
      collect,
      [],
    )
    .option(
      "--secrets-file <file>",
      "also look for secrets in this file of name=value lines or JSON; its mode must be 600",
    )
    .option("--keychain", "also look for secrets in the desktop's keychain (secret-tool)");
}

/** The environment first, then the file, then the keychain. */
export function secretsOf({ secret, secretsFile, keychain }: SecretOptions): SecretSource {
  const names = secret.map((pair): [string, string] => {
    const [, name, variable] = /^([^=]+)=([A-Za-z_][A-Za-z0-9_]*)$/.exec(pair) ?? [];
    if (name !== undefined && variable !== undefined) return [name, variable];
    // What was typed may be the secret itself: it is not repeated.
    throw new CliError(
      "Cannot read a --secret: it is not name=VARIABLE; give the name of an environment variable, not the value",
    );
  });
  return firstOf(
    secretsFromEnvironment({ names: Object.fromEntries(names) }),
    ...(secretsFile === undefined ? [] : [secretsFromFile(secretsFile)]),
    ...(keychain === true ? [secretsFromKeychain()] : []),
  );
}
