import { spawn } from "node:child_process";
import { once } from "node:events";

import { expect, test } from "vitest";

import { census, startOf } from "../../src/process/census.ts";

const sleep = async (env: NodeJS.ProcessEnv = {}) => {
  const child = spawn("sleep", ["300"], { detached: true, env: { ...process.env, ...env } });
  await once(child, "spawn");
  return { pid: child.pid!, end: () => (child.kill("SIGKILL"), once(child, "exit")) };
};

test("[R-PROC-12] tells who runs, in which group, since when and with what environment", async () => {
  const program = await sleep({ CENSUS_TEST: "here" });
  try {
    const found = (await census()).find(({ pid }) => pid === program.pid);
    expect(found).toMatchObject({ group: program.pid, startedAt: startOf(program.pid) });
    expect(found!.startedAt).toBeGreaterThanOrEqual(startOf(process.pid));
    expect(await found!.environ()).toContain("CENSUS_TEST=here\0");
  } finally {
    await program.end();
  }
  expect((await census()).some(({ pid }) => pid === program.pid)).toBe(false);
  expect(startOf(program.pid)).toBe(0);
});

test("[R-PROC-12] leaves out what has ended and was not waited for", async () => {
  // The shell becomes `sleep`, which never waits for what the shell has started.
  const child = spawn("sh", ["-c", "sh -c 'echo $$' & exec sleep 300"], { detached: true });
  try {
    const [said] = (await once(child.stdout, "data")) as [Buffer];
    const zombie = Number(said.toString());
    await expect.poll(async () => (await census()).some(({ pid }) => pid === zombie)).toBe(false);
    expect(startOf(zombie)).toBeGreaterThan(0);
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});

test("[R-PROC-12] shares a look among those who ask together, not with who asks while it is under way", async () => {
  const first = census();
  expect(census()).toBe(first);
  // By the next turn of the microtasks the first has begun.
  await Promise.resolve();
  await Promise.resolve();
  const program = await sleep();
  try {
    const second = census();
    expect(second).not.toBe(first);
    expect((await second).some(({ pid }) => pid === program.pid)).toBe(true);
  } finally {
    await program.end();
  }
});
