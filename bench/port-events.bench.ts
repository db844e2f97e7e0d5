/** One-way events from a worker thread to the main one, over MessagePort: ours validated, the peers as they come. */
import type { Question } from "./harness.ts";
import { over } from "./port-contender.ts";

const OURS = "atomiton events, validated with zod";

export const questions: Question[] = [
  {
    name: "port-events",
    question: "What does one event cost from a worker thread to the main one?",
    unit: "progress events",
    units: 50_000,
    rounds: 9,
    reference: "raw postMessage per event",
    targets: [
      { text: "as many as 1.8 raw messages", of: (row) => row(OURS).cpuRatio, atLeast: 1.8 },
      { text: "to birpc", of: (row) => row(OURS).cpuRatio / row("birpc").cpuRatio, atLeast: 3.5 },
      { text: "to comlink", of: (row) => row(OURS).cpuRatio / row("comlink").cpuRatio, atLeast: 15 },
    ],
    contenders: {
      "raw postMessage per event": () => over("raw"),
      "limit: arrays of 100, unvalidated": () => over("array-100"),
      [OURS]: () => over("atomiton"),
      "atomiton events, validated where they arrive": () => over("atomiton-in"),
      birpc: () => over("birpc"),
      comlink: () => over("comlink"),
    },
  },
  {
    name: "port-latency",
    question: "How long is one event under way, when a worker sends one a millisecond?",
    unit: "progress events",
    units: 300,
    rounds: 7,
    reference: "raw postMessage",
    targets: [
      { text: "half of them, to raw", of: (row) => row(OURS).p50Ratio!, atMost: 1.3 },
      { text: "all but one of 100, to raw", of: (row) => row(OURS).p99Ratio!, atMost: 2 },
    ],
    contenders: {
      "raw postMessage": () => over("raw", true),
      [OURS]: () => over("atomiton", true),
      birpc: () => over("birpc", true),
      comlink: () => over("comlink", true),
    },
  },
];
