import { act, createElement as h, StrictMode, useEffect, useState, version, type ReactNode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { z } from "zod";

import { command, defineContract, event, EventBus, memoryPair } from "../../src/index.ts";
import { useEvent, useLatest, useLink, useRequest, type UseRequest } from "../../src/react.ts";

const contract = defineContract("page@1", {
  "run:ask": command(z.object({ n: z.number() }), z.object({ n: z.number() }), { from: ["ui"], to: ["host"] }),
  "run:log": event(z.object({ n: z.number(), run: z.string() }), { from: ["host"], to: ["ui"] }),
  "run:at": event(z.object({ n: z.number(), run: z.string() }), {
    from: ["host"],
    to: ["ui"],
    delivery: "latest",
    key: "run",
  }),
});
const make = (role: "host" | "ui") => new EventBus({ contract, role, connect: false, onError: () => undefined });

declare module "vitest" {
  interface ProvidedContext {
    /** The major version that this run is to test. */
    react: string;
  }
}

let host: ReturnType<typeof make>;
let ui: ReturnType<typeof make>;
let root: Root;
let place: HTMLElement;

beforeEach(async () => {
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
  [host, ui] = [make("host"), make("ui")];
  await connect();
  place = document.body.appendChild(document.createElement("div"));
  root = createRoot(place);
});

afterEach(async () => {
  await act(async () => root.unmount());
  place.remove();
  expect(ui.inspect().listeners).toBe(0);
  await Promise.all([host.close(), ui.close()]);
});

async function connect() {
  const [a, b] = memoryPair();
  host.connect(a, { peer: { role: "ui" } });
  const link = ui.connect(b, { peer: { role: "host" } });
  await link.ready;
  return link;
}

/** Shows it as an app in development does: everything is mounted, unmounted and mounted again. */
const show = (node: ReactNode): Promise<void> => act(async () => root.render(h(StrictMode, undefined, node)));

/** What is under way between the buses and React arrives. */
const settled = (): Promise<void> =>
  act(async () => {
    for (const bus of [ui, host, ui, host]) await bus.flush();
    await new Promise((resolve) => setTimeout(resolve)); // real time: the page's own turns
  });

test("[E-REACT-6] these are the tests of the React that this run names", () => {
  expect(version.split(".")[0]).toBe(inject("react"));
});

test("[E-REACT-1] useEvent hears each event once under StrictMode, by the newest function, as its arguments say; unmounted it hears nothing", async () => {
  const heard: string[] = [];
  function Lines({ run, as }: { run: string; as: string }): ReactNode {
    useEvent(ui, "run:log", ({ n }) => heard.push(`${as}${n}`), { where: { run } });
    return null;
  }
  await show(h(Lines, { run: "a", as: "first " }));
  await settled();
  expect(ui.inspect().listeners).toBe(1);
  const announced = ui.inspect().links[0]?.announced.length;
  const tell = async (n: number): Promise<void> => {
    for (const run of ["a", "b"]) host.emit("run:log", { n, run });
    await settled();
  };
  await tell(1);
  // Another function, and a `where` of equal fields: nothing is subscribed anew.
  const before = host.inspect().links[0]?.session?.receivedFrames;
  await show(h(Lines, { run: "a", as: "second " }));
  expect(host.inspect().links[0]?.session?.receivedFrames).toBe(before);
  await tell(2);
  await show(h(Lines, { run: "b", as: "third " }));
  await settled();
  await tell(3);
  expect(heard).toEqual(["first 1", "second 2", "third 3"]);
  expect([ui.inspect().listeners, ui.inspect().links[0]?.announced.length]).toEqual([1, announced]);
  await show(null);
  await settled();
  await tell(4);
  expect(heard).toHaveLength(3);
  expect(ui.inspect().links[0]?.announced).toEqual([]);
});

test("[E-REACT-2] useLatest shows the value that there was before, then each newer one, and no other key's", async () => {
  host.emit("run:at", { n: 1, run: "a" });
  function Percent({ run }: { run: string }): ReactNode {
    return useLatest(ui, "run:at", { where: { run } })?.n ?? "none";
  }
  await show(h(Percent, { run: "a" }));
  await settled();
  expect(place.textContent).toBe("1");
  host.emit("run:at", { n: 2, run: "a" });
  host.emit("run:at", { n: 9, run: "b" });
  await settled();
  expect(place.textContent).toBe("2");
  await show(h(Percent, { run: "b" }));
  await settled();
  expect(place.textContent).toBe("9");
  await show(h(Percent, { run: "c" }));
  await settled();
  expect(place.textContent).toBe("none");
  expect(ui.inspect().listeners).toBe(1);
});

test("[E-REACT-3] useRequest tells what it waits for, its answer and its failure; of two the last counts, and a component that goes cancels", async () => {
  const stopped: number[] = [];
  const gates = new Map<number, () => void>();
  const handling = host.handle("run:ask", async ({ n }, { signal }) => {
    signal.addEventListener("abort", () => stopped.push(n));
    await new Promise<void>((resolve) => gates.set(n, resolve));
    if (n === 3) throw new Error("of the handler");
    return { n };
  });
  await handling.ready;
  const shown: UseRequest<{ n: number }, { n: number }>[] = [];
  function Asker(): ReactNode {
    const latest = useRequest(ui, "run:ask");
    useEffect(() => void shown.push(latest));
    return JSON.stringify({ pending: latest.isPending, n: latest.data?.n, code: latest.error?.code });
  }
  await show(h(Asker));
  const { request } = shown.at(-1)!;
  const codes: unknown[] = [];
  const ask = (n: number): Promise<void> =>
    act(async () => {
      void request({ n }).catch((fault: { code: string }) => codes.push([n, fault.code]));
    });
  const release = async (n: number): Promise<void> => {
    await settled();
    gates.get(n)?.();
    await settled();
  };
  await ask(1);
  expect(place.textContent).toBe('{"pending":true}');
  await ask(2);
  await release(1);
  expect(place.textContent).toBe('{"pending":true}');
  await release(2);
  expect(place.textContent).toBe('{"pending":false,"n":2}');
  await ask(3);
  await release(3);
  expect(place.textContent).toBe('{"pending":false,"n":2,"code":"HANDLER_FAILED"}');
  expect(new Set(shown.map((each) => each.request)).size).toBe(1);
  await ask(4);
  await settled();
  await show(null);
  await settled();
  expect(codes).toEqual([
    [1, "CANCELLED"],
    [3, "HANDLER_FAILED"],
    [4, "CANCELLED"],
  ]);
  expect(stopped).toEqual([1, 4]);
  expect(ui.inspect().links[0]?.openRequests).toBe(0);
});

test("[E-REACT-4] useLink shows the link that is open, else the one that changed last", async () => {
  function Banner(): ReactNode {
    const view = useLink(ui);
    return `${view?.peer?.role ?? "nobody"} ${view?.state.at ?? ""}`;
  }
  await show(h(Banner));
  expect(place.textContent).toBe("host open");
  await act(async () => {
    await host.close();
    await new Promise((resolve) => setTimeout(resolve)); // real time: the page's own turns
  });
  expect(place.textContent).toBe("host closed");
  host = make("host");
  await act(async () => void (await connect()));
  expect(place.textContent).toBe("host open");
});

test("[E-REACT-5] a hundred mounts, changes of the bus and unmounts leave nothing behind", async () => {
  function All({ events }: { events: typeof ui }): ReactNode {
    const [, count] = useState(0);
    useEvent(events, "run:log", () => count((n) => n + 1));
    useLatest(events, "run:at");
    useRequest(events, "run:ask");
    useLink(events);
    return null;
  }
  const other = make("ui");
  for (let round = 0; round < 50; round++) {
    await show(h(All, { events: ui }));
    await show(h(All, { events: other }));
    if (round % 5 === 0) await show(null);
  }
  expect([ui.inspect().listeners, other.inspect().listeners]).toEqual([0, 2]);
  await show(null);
  await settled();
  expect(other.inspect().listeners).toBe(0);
  expect(host.inspect().links[0]?.hears).toEqual([]);
  await other.close();
});
