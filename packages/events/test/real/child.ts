/** Processes that a test starts, talks to and kills. */
import { fork, type ChildProcess } from "node:child_process";

import type { HostCall, HostOptions, HostReport } from "./fixtures/host.ts";
import { atEnd } from "./stand.ts";

function start(program: string, argument: object): ChildProcess {
  const child = fork(new URL(`./fixtures/${program}`, import.meta.url), [JSON.stringify(argument)], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    execArgv: [],
  });
  atEnd(() => kill(child));
  return child;
}

/** SIGKILL: it can say nothing more. Resolves when it is gone. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

function said(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once("message", resolve);
    child.once("exit", (code, signal) => reject(new Error(`the child ended with ${code ?? signal}`)));
  });
}

export interface Host {
  readonly child: ChildProcess;
  readonly port: number;
  readonly url: string;
  call(what: HostCall): Promise<unknown>;
  report(): Promise<HostReport>;
}

export async function startHost(options: HostOptions): Promise<Host> {
  const child = start("host.ts", options);
  const { port } = (await said(child)) as { port: number };
  const waiting = new Map<number, (value: unknown) => void>();
  child.on("message", ({ id, value }: { id: number; value: unknown }) => {
    waiting.get(id)?.(value);
    waiting.delete(id);
  });
  let last = 0;
  const call = (what: HostCall): Promise<unknown> =>
    new Promise((resolve) => {
      waiting.set(++last, resolve);
      child.send({ id: last, what });
    });
  return {
    child,
    port,
    url: `ws://127.0.0.1:${port}/bus`,
    call,
    report: () => call({ do: "report" }) as Promise<HostReport>,
  };
}

/** Resolves when it hears the flow. */
export async function startClient(options: { url: string; token: string }): Promise<ChildProcess> {
  const child = start("client.ts", options);
  await said(child);
  return child;
}
