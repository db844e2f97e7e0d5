/** A real runtime on a real bus, and user interfaces joined to it by memory transports. Nodes wait for the test. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { EventBus, memoryPair, type Clock, type Link } from "@atomiton/events";
import { z } from "zod";

import { defineNode, port, type AnyNodeDef } from "../../src/blueprint/define-node.ts";
import { RuntimeClient } from "../../src/client.ts";
import { libraryContract, runtimeContract, type RuntimeBus } from "../../src/contract.ts";
import { RuntimeIPC, type RuntimeIPCOptions } from "../../src/host.ts";
import { Runtime } from "../../src/runtime.ts";

const contracts = [runtimeContract, libraryContract] as const;

/** Nodes that stop until the test lets them go. */
export class Gates {
  readonly #open = new Set<string>();
  readonly #waiting = new Map<string, () => void>();
  readonly #arrivals = new Map<string, () => void>();
  /** Its output is what no medium can carry. */
  readonly monster: AnyNodeDef = defineNode({
    type: "test/monster",
    version: "1.0.0",
    title: "Monster",
    category: "test",
    inputs: {},
    outputs: { value: port.value(z.any()) },
    config: z.strictObject({}),
    effect: "pure",
    runsOn: "inline",
    run: async () => ({ value: { deep: [() => 1] } }),
  });
  readonly node: AnyNodeDef = defineNode({
    type: "test/gate",
    version: "1.0.0",
    title: "Gate",
    category: "test",
    inputs: { value: port.value(z.any(), { required: false }) },
    outputs: { value: port.value(z.any()) },
    config: z.strictObject({ name: z.string(), value: z.any().optional(), fails: z.string().optional() }),
    effect: "pure",
    runsOn: "inline",
    run: async ({ config, log, signal, in: { value } }) => {
      log.info(`at ${config.name}`);
      await this.#wait(config.name, signal);
      if (config.fails !== undefined) throw new Error(config.fails);
      return { value: config.value ?? value ?? config.name };
    },
  });

  open(name: string): void {
    this.#open.add(name);
    this.#waiting.get(name)?.();
  }

  /** Resolves when a node stands at the gate. */
  reached(name: string): Promise<void> {
    if (this.#waiting.has(name)) return Promise.resolve();
    return new Promise((resolve) => this.#arrivals.set(name, resolve));
  }

  #wait(name: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (run: () => void) => () => {
        this.#waiting.delete(name);
        run();
      };
      signal.addEventListener(
        "abort",
        end(() => reject(signal.reason as Error)),
        { once: true },
      );
      this.#waiting.set(name, end(resolve));
      this.#arrivals.get(name)?.();
      if (this.#open.has(name)) this.#waiting.get(name)?.();
    });
  }
}

/** Files of Blueprints that the tests run, name to text. */
export const BLUEPRINTS: Readonly<Record<string, string>> = {
  two: `
apiVersion: atomiton.dev/v1
kind: Blueprint
id: two
name: Two gates
version: "1.0.0"
inputs:
  word: { type: string, default: none }
outputs:
  word: { type: any, from: b.value }
nodes:
  a: { uses: test/gate@1, in: { value: $inputs.word }, with: { name: "\${ 'a:' & in.value }" } }
  b: { uses: test/gate@1, in: { value: a.value }, with: { name: "\${ 'b:' & in.value }" } }
`,
  one: `
apiVersion: atomiton.dev/v1
kind: Blueprint
id: one
name: One gate
version: "1.0.0"
inputs:
  word: { type: string, default: none }
outputs:
  word: { type: any, from: a.value }
nodes:
  a: { uses: test/gate@1, in: { value: $inputs.word }, with: { name: "\${ in.value }" } }
`,
  monster: `
apiVersion: atomiton.dev/v1
kind: Blueprint
id: monster
name: Monster
version: "1.0.0"
outputs:
  value: { type: any, from: a.value }
nodes:
  a: { uses: test/monster@1 }
`,
  fails: `
apiVersion: atomiton.dev/v1
kind: Blueprint
id: fails
name: Fails
version: "1.0.0"
outputs:
  word: { type: any, from: a.value }
nodes:
  a: { uses: test/gate@1, with: { name: f, fails: no luck } }
`,
};

export interface Joined {
  readonly bus: RuntimeBus;
  readonly client: RuntimeClient;
  readonly link: Link;
  readonly hostLink: Link;
}

export interface Sides {
  readonly runtime: Runtime;
  readonly host: RuntimeBus;
  readonly ipc: RuntimeIPC;
  readonly gates: Gates;
  /** What the host's bus reported. */
  readonly faults: readonly unknown[];
  /** Joins one more user interface. */
  readonly join: (options?: { grants?: readonly string[]; clock?: Clock }) => Promise<Joined>;
  readonly close: () => Promise<void>;
}

export async function sides(
  options: Omit<RuntimeIPCOptions, "runtime" | "bus"> & { keep?: number; hasData?: boolean } = {},
): Promise<Sides> {
  const { keep, hasData, ...ipcOptions } = options;
  const dir = await mkdtemp(join(tmpdir(), "atomiton-host-"));
  for (const [name, text] of Object.entries(BLUEPRINTS)) await writeFile(join(dir, `${name}.blueprint.yaml`), text);
  const gates = new Gates();
  const faults: unknown[] = [];
  const runtime = new Runtime({
    dir,
    nodes: [gates.node, gates.monster],
    ...(keep === undefined ? {} : { keep }),
    ...(hasData ? { dataDir: join(dir, ".data") } : {}),
  });
  const host: RuntimeBus = new EventBus({
    contracts,
    role: "host",
    connect: false,
    onError: (fault) => faults.push(fault),
  });
  const ipc = new RuntimeIPC({ runtime, bus: host, ...ipcOptions });
  ipc.initialize();
  const closings: (() => Promise<void>)[] = [];
  return {
    runtime,
    host,
    ipc,
    gates,
    faults,
    join: async ({ grants = ["*"], clock } = {}) => {
      const bus: RuntimeBus = new EventBus({ contracts, role: "ui", connect: false });
      const [there, here] = memoryPair();
      const hostLink = host.connect(there, { peer: { role: "ui", grants } });
      const link = bus.connect(here);
      await link.ready;
      const client = new RuntimeClient(bus, clock === undefined ? {} : { clock });
      closings.push(async () => {
        await client.close();
        await bus.close();
      });
      return { bus, client, link, hostLink };
    },
    close: async () => {
      for (const close of closings) await close();
      await runtime.close();
      await ipc.close();
      await host.close();
      await rm(dir, { recursive: true });
    },
  };
}
