import { EventEmitter } from "node:events";
import { MessageChannel as NodeChannel } from "node:worker_threads";

import { expect, test } from "vitest";

import { transportContract } from "../../src/testing/transport-contract.ts";
import { portTransport, type PortLike } from "../../src/transports/port.ts";
import type { CloseCause, ConnectionEvents, Frame } from "../../src/wire/transport.ts";

transportContract(
  "port of worker_threads",
  () => {
    const { port1, port2 } = new NodeChannel();
    return { a: portTransport(port1), b: portTransport(port2) };
  },
  test,
);

/** Ports of the shapes that platforms have, joined in one process. */
const shapes: readonly (readonly [name: string, make: () => [FakePort, FakePort]])[] = [
  ["events, as MessagePortMain of Electron", () => joined((data) => ({ data, ports: [] }), true)],
  ["values, as a Worker of worker_threads", () => joined((data) => data, false)],
];

class FakePort extends EventEmitter implements PortLike {
  readonly calls: string[] = [];
  other: FakePort | undefined;
  start?: () => void;
  readonly #wrap: (data: unknown) => unknown;
  #isStarted: boolean;
  readonly #waiting: unknown[] = [];

  constructor(wrap: (data: unknown) => unknown, hasStart: boolean) {
    super();
    this.#wrap = wrap;
    this.#isStarted = !hasStart;
    if (hasStart) {
      this.start = () => {
        this.calls.push(`start with ${this.listenerCount("message")}`);
        this.#isStarted = true;
        for (const data of this.#waiting.splice(0)) this.emit("message", data);
      };
    }
  }

  postMessage(message: unknown): void {
    const copy: unknown = this.#wrap(structuredClone(message));
    const { other } = this;
    queueMicrotask(() => {
      if (other === undefined) return;
      if (other.#isStarted) other.emit("message", copy);
      else other.#waiting.push(copy);
    });
  }

  close(): void {
    this.calls.push("close");
  }
}

function joined(wrap: (data: unknown) => unknown, hasStart: boolean): [FakePort, FakePort] {
  const [a, b] = [new FakePort(wrap, hasStart), new FakePort(wrap, hasStart)];
  a.other = b;
  b.other = a;
  return [a, b];
}

for (const [name, make] of shapes) {
  transportContract(
    name,
    () => {
      const [a, b] = make();
      return { a: portTransport(a), b: portTransport(b) };
    },
    test,
  );
}

function recorder(): ConnectionEvents & { frames: Frame[]; causes: CloseCause[] } {
  const frames: Frame[] = [];
  const causes: CloseCause[] = [];
  return {
    frames,
    causes,
    onOpen() {},
    onDrain() {},
    onFrame: (frame) => frames.push(frame),
    onClose: (cause) => causes.push(cause),
  };
}

test("[E-TR-10] a port is started after its listeners are there, and closing gives all of them back", () => {
  const [port] = joined((data) => ({ data }), true);
  const connection = portTransport(port).open(recorder());
  expect(port.calls).toEqual(["start with 1"]);
  connection.close();
  connection.close();
  expect(port.calls).toEqual(["start with 1", "close"]);
  expect(port.eventNames()).toEqual([]);
});

test("[E-TR-11] a close is told to the other side also where the platform has no event for it", async () => {
  const [near, far] = joined((data) => data, false);
  const heard = recorder();
  portTransport(far).open(heard);
  portTransport(near).open(recorder()).close("the page goes");
  await new Promise((resolve) => queueMicrotask(() => queueMicrotask(() => resolve(undefined))));
  expect(heard.causes).toEqual([{ kind: "gone", reason: "the page goes", mayRetry: false }]);
  expect(far.eventNames()).toEqual([]);
});

test("[E-TR-12] null and what could not be decoded reach the session as a faulty frame", () => {
  const [port] = joined((data) => ({ data }), true);
  const heard = recorder();
  portTransport(port).open(heard);
  port.emit("message", { data: null });
  port.emit("messageerror", { data: undefined });
  expect(heard.frames).toEqual([null, null]);
});

test("[E-TR-13] a worker's own global scope is never closed: that would end the worker", () => {
  const [scope] = joined((data) => ({ data }), false);
  Object.assign(scope, { self: scope });
  portTransport(scope).open(recorder()).close();
  expect(scope.calls).toEqual([]);
});

test("[E-TR-14] a transport for a port opens once; a second time is a TypeError", () => {
  const [port] = joined((data) => data, false);
  const transport = portTransport(port);
  transport.open(recorder());
  expect(() => transport.open(recorder())).toThrow(TypeError);
});
