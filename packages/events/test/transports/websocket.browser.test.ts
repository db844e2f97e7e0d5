import { expect, inject, test } from "vitest";

import { webSocketTransport } from "../../src/transports/websocket.ts";
import { hear, type Heard } from "./hear.ts";

const server = inject("socketServer");
const place = async (): Promise<{ url: string; token: string }> => {
  const answer = (await (await fetch(server)).json()) as { path: string; token: string };
  return { url: server + answer.path, token: answer.token };
};
const dial = ({ url, token }: { url: string; token?: string }): Heard =>
  hear(webSocketTransport(url, token === undefined ? {} : { token }));

test("[E-WS-1] a page and a server exchange binary frames in order", async () => {
  const client = dial(await place());
  await client.opened;
  const sent = Array.from({ length: 200 }, (_, n) => Uint8Array.of(n, 1));
  for (const frame of sent) client.connection.send(frame);
  expect(await client.framesUntil(200)).toEqual(sent);
  client.connection.close();
  expect(await client.closed).toMatchObject({ kind: "local" });
});

test("[E-WS-2] a page's socket says full, and drains once", async () => {
  const client = dial(await place());
  await client.opened;
  let sent = 1;
  while (client.connection.send(new Uint8Array(64 * 1024).fill(1))) sent += 1;
  await client.drained();
  expect(client.drains()).toBe(1);
  await client.framesUntil(sent);
  client.connection.close();
});

test("[E-WS-3] a page learns that its token is wrong, and that dialling again cannot help", async () => {
  const { url } = await place();
  for (const where of [{ url }, { url, token: "wrong" }]) {
    expect(await dial(where).closed).toEqual({
      kind: "refused",
      reason: "The token is missing or wrong",
      mayRetry: false,
    });
  }
});

test("[E-WS-4] a page of a foreign origin does not enter, even with the right token", async () => {
  const { token } = await place();
  const foreign = dial({ url: `${server}/strict`, token });
  expect((await foreign.closed).kind).toBe("failed");
  expect(foreign.frames).toEqual([]);
});

test("[E-WS-11] a page hears why the server closed", async () => {
  const client = dial(await place());
  await client.opened;
  client.connection.send(Uint8Array.of(7));
  client.connection.send(Uint8Array.of(255));
  expect(await client.closed).toEqual({ kind: "gone", reason: "asked to", mayRetry: true });
  expect(client.frames).toEqual([Uint8Array.of(7)]);
});

test("[E-WS-12] a dial from a page to nobody ends as failed", async () => {
  expect(await dial({ url: "ws://127.0.0.1:9/" }).closed).toMatchObject({ kind: "failed", mayRetry: true });
});
