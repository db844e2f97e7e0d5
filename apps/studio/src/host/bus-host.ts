/** The host over the bus: `RuntimeClient` on the road that this page has to where it came from. */
import { EventBus, type Gap, type Link as BusLink } from "@atomiton/events";
import {
  libraryContract,
  RuntimeClient,
  runtimeContract,
  type Execution,
  type ExecutionMessage,
} from "@atomiton/runtime/client";

import { endedByItself } from "./ended.ts";
import type { Host, Link, Watcher } from "./host.ts";
import { rightsOn } from "./rights.ts";
import { roadToHost } from "./road.ts";

export interface BusHostOptions {
  /** Of this page, given in the fragment of its address. */
  readonly token: string | undefined;
}

const NO_TOKEN: Link = {
  at: "lost",
  code: "NO_TOKEN",
  reason: "This page has no key to the host. Open the whole address that “atomiton serve” printed: its end is the key.",
};

export function openBusHost({ token }: BusHostOptions): Host {
  const bus = new EventBus({
    contracts: [runtimeContract, libraryContract],
    role: "ui",
    connect: false,
    // What a link meets is in its state, and shown; the rest is a fault of this page.
    onError: (fault, { link }) => {
      if (link === undefined) console.error(fault);
    },
  });
  const client = new RuntimeClient(bus);
  const hearers = new Set<(link: Link) => void>();
  /** Started here and not watched yet: watched from its first event on. */
  const begun = new Map<string, Execution>();
  const watched = new Map<string, Execution>();
  let now: Link = { at: "connecting" };
  let wasLive = false;
  let dialled: BusLink | undefined;

  const tell = (link: Link): void => {
    now = link;
    for (const hear of hearers) hear(link);
  };
  const dial = (): void => {
    const road = roadToHost(token);
    if (road === undefined) return tell(NO_TOKEN);
    const link = bus.connect(road);
    dialled = link;
    // The state says the same as the rejection.
    link.ready.catch(() => {});
    const read = (): void => {
      if (dialled !== link) return;
      wasLive ||= link.state.at === "open";
      tell(linkFrom(link, wasLive));
    };
    link.onState(read);
    read();
  };
  dial();

  return {
    bus,
    onLink(hear) {
      hearers.add(hear);
      hear(now);
      return () => hearers.delete(hear);
    },
    onLibraryChange: (hear) => client.onLibraryChange(({ what, ids }) => hear(what, ids)),
    blueprints: () => client.blueprints(),
    blueprint: (id) => client.blueprint(id),
    executions: () => client.executions(),
    nodes: () => client.nodes(),
    rights: () => rightsOn(bus),
    steer: (executionId) => watched.get(executionId),
    execute(blueprintId, input, breakpoints) {
      const execution = client.execute({
        blueprintId,
        input,
        ...(breakpoints.length === 0 ? {} : { breakpoints: [...breakpoints] }),
      });
      begun.set(execution.executionId, execution);
      void execution.closed.then(() => begun.delete(execution.executionId));
      return execution.executionId;
    },
    async cancel(executionId) {
      await client.cancel(executionId, { reason: "cancelled in Studio" });
    },
    watch(executionId, watcher) {
      const mine = begun.get(executionId);
      begun.delete(executionId);
      const execution = mine ?? client.attach(executionId);
      watched.set(executionId, execution);
      const stop = watchOn(execution, watcher);
      return () => {
        if (watched.get(executionId) === execution) watched.delete(executionId);
        stop();
      };
    },
    async download(blob) {
      const answer = await fetch(`/blobs/${encodeURIComponent(blob)}`, {
        headers: { authorization: `Bearer ${token}` },
      });
      if (!answer.ok) throw new Error(`the host answered ${answer.status} ${answer.statusText}`);
      return answer.blob();
    },
    reconnect() {
      if (now.at === "lost") dial();
    },
    close() {
      hearers.clear();
      void client.close().then(() => bus.close());
    },
  };
}

function linkFrom(link: BusLink, wasLive: boolean): Link {
  const { state } = link;
  switch (state.at) {
    case "open":
      return { at: "live" };
    case "dialing":
      return wasLive ? { at: "reconnecting", attempt: state.attempt } : { at: "connecting" };
    case "waiting":
      return { at: "reconnecting", attempt: state.attempt };
    case "closed":
      return { at: "lost", code: state.why.code, reason: reasonFrom(state.why.code, state.why.message) };
  }
}

function reasonFrom(code: string, message: string): string {
  switch (code) {
    case "REJECTED":
      return "The host does not know this page's key: a server that is started anew has another one. Open the address that it prints now.";
    case "CONTRACT_MISMATCH":
    case "VERSION_MISMATCH":
      return `This page is of another version than its host: reload it. ${message}`;
    default:
      return message;
  }
}

function watchOn(execution: Execution, watcher: Watcher): () => void {
  let isStopped = false;
  let hasLived = false;
  const stop = execution.on((message: ExecutionMessage) => {
    if (isStopped) return;
    if (message.type === "gap") {
      if (isForGood(message.data)) watcher.onGap(countOf(message.data));
      return;
    }
    // The past is told again after a break: what is known of it is put aside, or logs would stand there twice.
    if (message.snapshot && hasLived) watcher.onRestart();
    hasLived = !message.snapshot;
    watcher.hear([message]);
  });
  execution.result.catch((error: unknown) => {
    if (isStopped || !(error instanceof Error) || endedByItself(error)) return;
    watcher.onFault(error);
  });
  return () => {
    isStopped = true;
    stop();
    execution.close();
  };
}

/** Where more than logs is missing the client asks for the whole again. */
function isForGood({ names }: Gap): boolean {
  const lost = Object.keys(names ?? {});
  return lost.length > 0 && lost.every((name) => name === "runtime:log");
}

const countOf = ({ names, from, to }: Gap): number =>
  Object.values(names ?? {}).reduce((sum, count) => sum + count, 0) || to - from + 1;
