/** The other process of socket.bench.ts and child.bench.ts: sends events, and answers requests. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { defineContract, EventBus } from "@atomiton/events";
import { compiledCodec } from "@atomiton/events/codec";
import { parentTransport, serveBus } from "@atomiton/events/node";
import { Server as SocketIo } from "socket.io";
import { WebSocketServer } from "ws";

import { progress, progressContract } from "./progress-contract.ts";
import { requestContract } from "./request-contract.ts";

export const contract = defineContract("bench-process@1", { ...progressContract.table, ...requestContract.table });
export const TOKEN = "of-this-benchmark-alone";
const BURST = 1_000;
const echo = <T>(value: T): T => value;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** To the parent, beside the events of a forked child. */
const tell = (message: object): void => void process.send?.(message);

async function bursts(units: number, send: (at: number) => void): Promise<void> {
  for (let at = 0; at < units; at++) {
    send(at);
    if (at % BURST === BURST - 1) await turn();
  }
}

function inBatches(post: (batch: unknown[]) => void): (units: number) => Promise<void> {
  let batch: unknown[] = [];
  return (units) =>
    bursts(units, (at) => {
      batch.push(progress(at));
      if (batch.length < 100 && at < units - 1) return;
      post(batch);
      batch = [];
    });
}

async function begin(kind: string): Promise<(units: number) => Promise<void>> {
  if (kind === "fork") return (units) => bursts(units, (at) => tell(progress(at)));
  if (kind === "fork-100") return inBatches((batch) => tell(batch));
  if (kind === "fork-atomiton") {
    const bus = new EventBus({ contract, role: "host", connect: false });
    bus.connect(parentTransport());
    return (units) => bursts(units, (at) => bus.emit("runtime:progress", progress(at)));
  }
  const server = createServer();
  let send: (units: number) => Promise<void> = async () => undefined;
  if (kind === "socket.io") {
    const io = new SocketIo(server, { transports: ["websocket"] });
    io.on("connection", (socket) => {
      socket.on("echo", (data: unknown, answer: (data: unknown) => void) => answer(data));
      send = (units) => bursts(units, (at) => void socket.emit("progress", progress(at)));
    });
  } else if (kind.startsWith("ws")) {
    new WebSocketServer({ server, perMessageDeflate: false }).on("connection", (socket) => {
      socket.on("message", (data: Buffer) => socket.send(data.toString()));
      const one = (units: number): Promise<void> => bursts(units, (at) => socket.send(JSON.stringify(progress(at))));
      send = kind === "ws" ? one : inBatches((batch) => socket.send(JSON.stringify(batch)));
    });
  } else {
    const codecs = kind === "atomiton-compiled" ? [compiledCodec([contract])] : [];
    const bus = new EventBus({ contract, role: "host", connect: false, codecs });
    bus.handle("runtime:echo", echo);
    serveBus(bus, server, { token: TOKEN });
    send = (units) => bursts(units, (at) => bus.emit("runtime:progress", progress(at)));
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  tell({ port: (server.address() as AddressInfo).port });
  return (units) => send(units);
}

const kind = process.env["BENCH_KIND"];
if (kind !== undefined) {
  const send = begin(kind);
  process.on("message", (message: { run?: number; ask?: "cpu" }) => {
    if (message.run !== undefined) void send.then((run) => run(message.run!));
    if (message.ask === "cpu") {
      const { user, system } = process.cpuUsage();
      tell({ cpuUs: user + system });
    }
  });
}
