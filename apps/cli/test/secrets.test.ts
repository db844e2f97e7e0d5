import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Command } from "commander";
import { expect, onTestFinished, test } from "vitest";

import { secretsOf, withSecretOptions, type SecretOptions } from "../src/secrets.ts";

const optionsOf = (...args: string[]): SecretOptions =>
  withSecretOptions(new Command().exitOverride()).parse(args, { from: "user" }).opts();

test("[R-CLI-29] takes secrets from the environment, then from a file, and repeats no value", async () => {
  const dir = await mkdtemp(join(tmpdir(), "atomiton-cli-"));
  process.env["MY_TOKEN"] = "from the environment";
  onTestFinished(async () => {
    delete process.env["MY_TOKEN"];
    await rm(dir, { recursive: true });
  });
  const file = join(dir, "secrets");
  await writeFile(file, "token=from the file\nother=too");
  await chmod(file, 0o600);
  const source = secretsOf(optionsOf("--secret", "token=MY_TOKEN", "--secrets-file", file));
  expect(await source.read("token")).toBe("from the environment");
  expect(await source.read("other")).toBe("too");
  expect(await source.read("none")).toBeUndefined();
  expect(source.where("token")).toBe(`the environment (MY_TOKEN), the file "${file}"`);
  expect(secretsOf(optionsOf("--keychain")).where("x")).toContain("keychain");
  for (const typed of ["token=hunter 22", "hunter22", "=hunter22"]) {
    expect(() => secretsOf(optionsOf("--secret", typed))).toThrow(/^(?!.*hunter).*not the value/);
  }
});
