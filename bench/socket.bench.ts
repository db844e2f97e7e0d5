/** Events and requests between two Node processes over a WebSocket on the loopback. */
import { EventBus } from "@atomiton/events";
import { compiledCodec } from "@atomiton/events/codec";
import { webSocketTransport } from "@atomiton/events/node";
import { io } from "socket.io-client";
import { WebSocket } from "ws";

import type { Contender, Question } from "./harness.ts";
import { asking } from "./in-flight.ts";
import { Count, otherProcess } from "./other-process.ts";
import { contract, TOKEN } from "./process-peer.ts";
import { input } from "./request-contract.ts";

type Kind = "ws" | "ws-100" | "socket.io" | "atomiton" | "atomiton-compiled";
type Reply = Promise<{ value: number }>;

/** `width`: requests under way at once; 0 asks for events. */
async function over(kind: Kind, width: number): Promise<Contender> {
  const other = otherProcess(kind);
  const port = await other.next((message: { port?: number }) => message.port);
  const count = new Count();
  let call: (at: number) => Reply;
  let end: () => Promise<void> | void;
  if (kind === "socket.io") {
    const socket = io(`http://127.0.0.1:${port}`, { transports: ["websocket"], reconnection: false });
    await new Promise<void>((resolve) => socket.on("connect", () => resolve()));
    socket.on("progress", count.hear);
    call = (at) => socket.emitWithAck("echo", input(at)) as Reply;
    end = () => void socket.close();
  } else if (kind === "ws" || kind === "ws-100") {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
    await new Promise((resolve) => socket.once("open", resolve));
    const open = new Map<number, (reply: { value: number }) => void>();
    socket.on("message", (bytes: Buffer) => {
      const message = JSON.parse(bytes.toString()) as { id?: number; data: { value: number } } | unknown[];
      if (Array.isArray(message)) for (const _ of message) count.hear();
      else if (message.id === undefined) count.hear();
      else {
        open.get(message.id)!(message.data);
        open.delete(message.id);
      }
    });
    call = (at) =>
      new Promise((resolve) => {
        open.set(at, resolve);
        socket.send(JSON.stringify({ id: at, data: input(at) }));
      });
    end = () => socket.terminate();
  } else {
    const codecs = kind === "atomiton-compiled" ? [compiledCodec([contract])] : [];
    const bus = new EventBus({ contract, role: "ui", connect: false, codecs });
    const subscription = bus.on("runtime:progress", count.hear);
    await bus.connect(webSocketTransport(`ws://127.0.0.1:${port}/bus`, { token: TOKEN })).ready;
    await subscription.ready;
    call = (at) => bus.request("runtime:echo", input(at));
    end = () => bus.close();
  }
  const rest = {
    otherCpuUs: other.otherCpuUs,
    async close() {
      await end();
      await other.close();
    },
  };
  if (width > 0) return asking(call, width, rest);
  return { run: (units) => count.until(units, () => other.child.send({ run: units })), ...rest };
}

const OURS = "atomiton, validated with zod";
const COMPILED = "atomiton, validated, compiled codec";
const requests = (width: number): Question["contenders"] => ({
  "ws, JSON": () => over("ws", width),
  [OURS]: () => over("atomiton", width),
  "socket.io": () => over("socket.io", width),
});

export const questions: Question[] = [
  {
    name: "socket-events",
    question: "What does one event cost between two processes over a WebSocket?",
    unit: "progress events",
    units: 20_000,
    rounds: 9,
    reference: "ws, a JSON frame per event",
    targets: [
      { text: "as many as 4 frames", of: (row) => row(COMPILED).cpuRatio, atLeast: 4 },
      { text: "to socket.io", of: (row) => row(COMPILED).cpuRatio / row("socket.io").cpuRatio, atLeast: 5 },
    ],
    contenders: {
      "ws, a JSON frame per event": () => over("ws", 0),
      "limit: ws, JSON of 100, unvalidated": () => over("ws-100", 0),
      [OURS]: () => over("atomiton", 0),
      [COMPILED]: () => over("atomiton-compiled", 0),
      "socket.io": () => over("socket.io", 0),
    },
  },
  {
    name: "socket-request",
    question: "How long does one request take over a WebSocket, one after another?",
    unit: "requests",
    units: 1_000,
    rounds: 9,
    reference: "ws, JSON",
    targets: [
      { text: "half of them, to ws", of: (row) => row(OURS).p50Ratio!, atMost: 1.3 },
      { text: "to socket.io", of: (row) => row(OURS).p50Ratio! / row("socket.io").p50Ratio!, atMost: 0.8 },
    ],
    contenders: requests(1),
  },
  {
    name: "socket-request-64",
    question: "What does a request over a WebSocket cost with 64 under way?",
    unit: "requests",
    units: 5_000,
    rounds: 9,
    reference: "ws, JSON",
    targets: [{ text: "as many as 2.5 of ws", of: (row) => row(OURS).cpuRatio, atLeast: 2.5 }],
    contenders: requests(64),
  },
];
