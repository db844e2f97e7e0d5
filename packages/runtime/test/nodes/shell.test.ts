import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import type { BlobRef } from "../../src/blueprint/define-node.ts";
import { lineLog } from "../../src/nodes/line-log.ts";
import { run } from "./core.ts";

const shell = (config: Record<string, unknown>, more = {}) => run("shell", { config, ...more });

test("[R-NODE-40] core/shell runs a program or a script, with stdin, env and cwd", async () => {
  const result = await shell({ command: "printf", args: ["%s|", "a b", "$HOME", 3] });
  expect(result.outputs).toMatchObject({ stdout: "a b|$HOME|3|", stderr: "", code: 0 });
  const cwd = await mkdtemp(join(tmpdir(), "shell-test-"));
  const script = await shell(
    { script: 'cat; pwd; echo "$NAME $1"; echo no >&2', env: { NAME: "x; rm -rf $HOME" }, args: ["first"] },
    { cwd, in: { stdin: "in\n" } },
  );
  expect(script.outputs).toMatchObject({ stdout: `in\n${cwd}\nx; rm -rf $HOME first\n`, stderr: "no\n" });
  expect(await script.text(script.outputs["stdoutFile"] as BlobRef)).toBe(script.outputs["stdout"]);
  await rm(cwd, { recursive: true });
  const json = await shell({ command: "cat" }, { in: { stdin: { a: 1 } } });
  expect(json.outputs["stdout"]).toBe('{"a":1}');
});

test("[R-NODE-41] core/shell fails on other exit codes and on signals, with what the program said", async () => {
  await expect(shell({ script: "echo why >&2; exit 4" })).rejects.toMatchObject({
    message: 'Cannot finish "script": it exited with code 4; it said: why',
    error: { code: "EXIT", class: "process", exit: { code: 4, signal: null }, retryable: false },
  });
  expect((await shell({ script: "exit 4", okCodes: [0, 4] })).outputs["code"]).toBe(4);
  await expect(shell({ script: "kill -KILL $$", okCodes: [0, 137] })).rejects.toMatchObject({
    message: expect.stringContaining("it was ended by SIGKILL"),
    error: { code: "SIGNAL", exit: { code: null, signal: "SIGKILL" } },
  });
  // The script stops at its first failing command.
  await expect(shell({ script: "false; echo on" })).rejects.toMatchObject({ error: { code: "EXIT" } });
  await expect(shell({ command: "no-such-program-here" })).rejects.toMatchObject({
    error: { code: "ENOENT", class: "process" },
  });
  await expect(shell({ command: "true", cwd: "no/such" })).rejects.toMatchObject({ error: { class: "config" } });
  await expect(shell({})).rejects.toMatchObject({ error: { code: "CONFIG" } });
  await expect(shell({ command: "true", script: "true" })).rejects.toMatchObject({ error: { code: "CONFIG" } });
  const long = await shell({ script: "yes no | head -c 100000 >&2; exit 1" }).catch((error: Error) => error.message);
  expect((long as string).length).toBeLessThan(800);
});

test("[R-NODE-42] core/shell bounds text, not files, and says that it was cut", async () => {
  const result = await shell({ script: "yes line | head -c 5000000", textLimitBytes: 1000 });
  const { outputs, logs } = result;
  expect((outputs["stdout"] as string).length).toBe(1000);
  expect(outputs["stdoutFile"]).toMatchObject({ size: 5_000_000 });
  expect((await result.text(outputs["stdoutFile"] as BlobRef)).length).toBe(5_000_000);
  expect(logs.at(-1)).toMatchObject({ level: "warn", message: expect.stringContaining("stdout has 5000000 bytes") });
  expect(logs.length).toBeLessThan(5_010);
});

test("[R-NODE-43] a program's lines are logged as they come with their stream, long ones cut, many ones bounded", async () => {
  const said: string[] = [];
  const say = (level: string) => (message: string) => void said.push(`${level}:${message}`);
  const log = lineLog({ debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error") });
  log.write("stdout", "one\r\ntw");
  log.write("stderr", "oops");
  expect(said).toEqual(["info:one"]);
  log.write("stdout", `o\n${"x".repeat(3_000)}\n`);
  log.end();
  expect(said.slice(1)).toEqual(["info:two", `info:${"x".repeat(2_000)}… (line cut)`, "warn:oops"]);
  const { logs } = await shell({ script: "echo one; echo two >&2" });
  expect(logs.toSorted((a, b) => (a.message < b.message ? -1 : 1))).toEqual([
    { level: "info", message: "one", stream: "stdout" },
    { level: "warn", message: "two", stream: "stderr" },
  ]);
  const many = lineLog({ debug: say(""), info: say(""), warn: say("warn"), error: say("") });
  said.length = 0;
  many.write("stdout", "a\n".repeat(10_000));
  many.write("stdout", "b\n");
  expect(said).toHaveLength(5_001);
  expect(said.at(-1)).toBe("warn:More than 5000 lines: the rest is in the output's file only");
});

test("[R-NODE-44] abort of core/shell leaves no process", async () => {
  const controller = new AbortController();
  const mark = `SHELL_TEST=${randomUUID()}`;
  const running = shell(
    { script: "sleep 300 & (setsid sleep 300 &) ; sleep 300", env: { SHELL_TEST: mark.slice(11) } },
    { signal: controller.signal },
  );
  const outcome = running.catch((error: unknown) => error);
  await expect.poll(() => carrying(mark)).toHaveLength(4);
  controller.abort("cancelled");
  expect(await outcome).toBe("cancelled");
  expect(await carrying(mark)).toEqual([]);
});

async function carrying(entry: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => ") Z");
    const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
    if (stat.split(") ").at(-1)![0] !== "Z" && environment.includes(entry)) found.push(pid);
  }
  return found;
}
