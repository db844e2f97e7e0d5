import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { NodeError } from "../../src/errors.ts";
import {
  firstOf,
  secretsFrom,
  secretsFromEnvironment,
  secretsFromFile,
  secretsFromKeychain,
} from "../../src/secrets/index.ts";
import { bench, blueprint, node } from "../engine/kit.ts";

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "atomiton-secrets-"));
  onTestFinished(() => rm(dir, { recursive: true }));
  return dir;
}

test("[R-SEC-1] reads secrets from the environment, also under names of its own", async () => {
  const environment = { ATOMITON_SECRET_a: "1", MINE: "2", ATOMITON_SECRET_empty: "" };
  const source = secretsFromEnvironment({ names: { b: "MINE" }, environment });
  expect([await source.read("a"), await source.read("b"), await source.read("empty")]).toEqual(["1", "2", undefined]);
  expect(source.where("b")).toContain("MINE");
  expect(await secretsFromEnvironment({ environment: {} }).read("constructor")).toBeUndefined();
});

test("[R-SEC-1] reads a file of JSON or lines that its owner alone may read, and quotes nothing of it", async () => {
  const path = join(await folder(), "secrets");
  const write = async (content: string, mode = 0o600) => {
    await writeFile(path, content);
    await chmod(path, mode);
  };
  const source = secretsFromFile(path);
  await write('# mine\na = one=two\nb="quoted"\n\n');
  expect([await source.read("a"), await source.read("b"), await source.read("c")]).toEqual([
    "one=two",
    "quoted",
    undefined,
  ]);
  await write('{"a":"from JSON"}');
  expect(await source.read("a")).toBe("from JSON");
  for (const [content, mode, text] of [
    ["a=hunter22", 0o644, "chmod 600"],
    ["a=hunter22", 0o620, "chmod 600"],
    ["hunter22", 0o600, "line 1 is not name=value"],
    ['{"a":"hunter22', 0o600, "begins as JSON"],
    ['{"a":22}', 0o600, '"a" is no text'],
  ] as const) {
    await write(content, mode);
    const error: any = await source.read("a").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "SECRET", message: expect.stringContaining(text) as string });
    expect(JSON.stringify([error.message, error.details, error.cause?.message])).not.toContain("hunter22");
  }
  await rm(path);
  await expect(source.read("a")).rejects.toMatchObject({ code: "SECRET" });
  await write("");
});

test("[R-SEC-1] asks the keychain by secret-tool, and says when there is none", async () => {
  const dir = await folder();
  // A program in its place: desktops have the real one.
  const tool = join(dir, "secret-tool");
  await writeFile(
    tool,
    '#!/bin/sh\ncase "$*" in\n  "lookup service atomiton name token") echo "kept" ;;\n  *locked) echo "Cannot open it" >&2; exit 1 ;;\n  *) exit 1 ;;\nesac\n',
  );
  await chmod(tool, 0o755);
  const source = secretsFromKeychain({ command: tool });
  expect([await source.read("token"), await source.read("other")]).toEqual(["kept", undefined]);
  await expect(source.read("locked")).rejects.toMatchObject({
    code: "SECRET",
    message: expect.stringContaining("unlock") as string,
  });
  const none = secretsFromKeychain({ command: join(dir, "nothing") });
  await expect(none.read("token")).rejects.toMatchObject({
    code: "SECRET",
    message: expect.stringContaining("install") as string,
  });
});

test("[R-SEC-1] takes the first source that has one, and says where it looked", async () => {
  const source = firstOf(
    secretsFrom({ a: "first" }),
    secretsFromEnvironment({ environment: { ATOMITON_SECRET_a: "second", ATOMITON_SECRET_b: "b" } }),
  );
  expect([await source.read("a"), await source.read("b")]).toEqual(["first", "b"]);
  const { runtime } = bench([], { secrets: source });
  const target = { inline: blueprint({ a: { uses: "test/give@1" } }, { secrets: ["lost"] }) };
  await expect(runtime.execute(target)).rejects.toMatchObject({
    code: "SECRET",
    details: { secrets: ["lost"] },
    message: expect.stringMatching(
      /the environment \(ATOMITON_SECRET_lost\).*new Runtime\(\{ secrets \}\), or --secret name=VARIABLE/,
    ) as string,
  });
  await runtime.close();
});

test("[R-SEC-1] lets programs inherit no secret that nobody gave them", async () => {
  process.env["ATOMITON_SECRET_hidden"] = "hunter22";
  onTestFinished(() => void delete process.env["ATOMITON_SECRET_hidden"]);
  const { runtime, run } = bench();
  const graph = { a: { uses: "core/shell@1", with: { script: "env" } } };
  const result = await run(graph, { outputs: { out: { type: "any", from: "a.stdout" } } });
  expect(result["out"]).toContain("PATH=");
  expect(result["out"]).not.toContain("hunter22");
  await runtime.close();
});

test("[R-SEC-2] lets a secret out in none of its forms", async () => {
  const secret = 'pä55/w+rd "x"&=?%';
  const pem = `-----BEGIN KEY-----\n${"abcdefgh".repeat(4)}\n${"12345678".repeat(4)}\n-----END KEY-----`;
  const forms = (value: string): string[] => [
    value,
    encodeURIComponent(value),
    new URLSearchParams({ q: value }).toString(),
    JSON.stringify(value),
    ...["", "u:", "us:"].flatMap((user) =>
      (["base64", "base64url", "hex"] as const).map((how) => Buffer.from(`${user}${value}!`).toString(how)),
    ),
  ];
  /** Puts all of them wherever a node can put something. */
  const leak = node("leak", async (ctx) => {
    const value: string = await ctx.secret("token");
    const key: string = await ctx.secret("key");
    const all = [...forms(value), ...key.split("\n")];
    for (const form of all) {
      ctx.log.info(`log ${form}`, { data: form, [form]: 1, deep: [{ form }] });
      ctx.progress(1, 2, `progress ${form}`);
    }
    ctx.log.warn("error", new Error(all.join()));
    await ctx.spawn("sh", ["-c", 'printf "%s" "$TOKEN"'], {
      env: { TOKEN: value },
      onOutput: (stream: "stdout", text: string) => ctx.log.info(text, undefined, { stream }),
    });
    if (ctx.config.fails) {
      throw new NodeError(all.join(" "), { code: "LEAK", class: "user" }, { cause: new Error(all.join("|")) });
    }
    return { out: all, other: { [value]: new Map([[value, new Set([value])]]) } };
  });
  const all = bench([leak], { secrets: { token: secret, key: pem } });
  const nodes = {
    a: { uses: "test/leak@1", with: { header: "${ 'Bearer ' & secrets.token }" } },
    b: { uses: "test/leak@1", with: { fails: true, header: "${ secrets.token }" } },
    seen: { uses: "core/log@1", in: { e: "b.error" }, with: { message: "${ in.e.message }" } },
  };
  const graph = {
    inline: blueprint(nodes, { secrets: ["token", "key"], outputs: { out: { type: "any", from: "a.out" } } }),
  };
  const id = await all.runtime.execute(graph);
  const result = await all.runtime.waitForCompletion(id);
  // Who runs it gets what it made.
  expect(JSON.stringify(result)).toContain("abcdefgh");
  const fails = await all.runtime.execute({
    inline: blueprint({ b: nodes.b }, { secrets: ["token", "key"] }),
  });
  const failure: any = await all.runtime.waitForCompletion(fails).catch((error: unknown) => error);
  expect(failure.code).toBe("EXECUTION_FAILED");
  const { runtime, heard } = all;
  const told = JSON.stringify([heard, runtime.history(id), runtime.history(fails), runtime.snapshot(id)]);
  expect(told).toContain("[secret]");
  const never = [
    secret,
    "pä55",
    "p%C3%A4",
    "abcdefgh",
    "12345678",
    "cMOkNTUvdytyZCA",
    Buffer.from(secret).toString("hex"),
  ];
  for (const piece of never) expect(told, piece).not.toContain(piece);
  // Of each Base64 form what does not depend on its neighbours.
  for (const form of forms(secret).slice(4)) expect(told, form).not.toContain(form.slice(4, -4));
  await runtime.close();
});
