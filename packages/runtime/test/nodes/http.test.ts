import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

import { afterEach, beforeEach, expect, test } from "vitest";

import { openBlobStore } from "../../src/blobs/blob-store.ts";
import { run } from "./core.ts";

interface Heard {
  method: string;
  url: string;
  headers: IncomingMessage["headers"];
  body: string;
}
let server: Server;
let base: string;
let heard: Heard[];
let sockets: Set<Socket>;
let answer: (request: Heard, response: ServerResponse) => void;

async function listen(): Promise<{ server: Server; base: string }> {
  const made = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const all = {
        method: request.method!,
        url: request.url!,
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      };
      heard.push(all);
      answer(all, response);
    });
  });
  made.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve));
  return { server: made, base: `http://127.0.0.1:${(made.address() as AddressInfo).port}` };
}
async function stop(which: Server): Promise<void> {
  which.closeAllConnections();
  await new Promise((resolve) => which.close(resolve));
}
const json = (response: ServerResponse, value: unknown, status = 200): void => {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
};

beforeEach(async () => {
  heard = [];
  sockets = new Set();
  answer = (request, response) => json(response, { hello: request.url });
  ({ server, base } = await listen());
});
afterEach(() => stop(server));
const request = (config: Record<string, unknown>, more = {}) => run("http.request", { config, ...more });

test("[R-NODE-50] core/http.request gives body, status, headers and the final address", async () => {
  const { outputs, progress } = await request({
    url: `${base}/a`,
    query: { q: "x y&z", list: [1, 2], none: null },
    headers: { "X-One": 1 },
  });
  expect(outputs).toMatchObject({
    body: { hello: "/a?q=x+y%26z&list=1&list=2" },
    status: 200,
    headers: { "content-type": "application/json" },
    url: `${base}/a?q=x+y%26z&list=1&list=2`,
  });
  expect(heard[0]).toMatchObject({ method: "GET", headers: { "x-one": "1" } });
  expect(progress.at(-1)!.done).toBe(38);
  answer = (_, response) => response.writeHead(200, { "set-cookie": ["a=1", "b=2"], ["__proto__"]: "x" }).end("{}");
  const { headers } = (await request({ url: base })).outputs as { headers: Record<string, string> };
  expect(headers["set-cookie"]).toBe("a=1, b=2");
  expect(Object.hasOwn(headers, "__proto__")).toBe(true);
});

test("[R-NODE-51] core/http.request sends text, JSON, bytes and files with their types", async () => {
  const post = async (body: unknown, headers = {}, more = {}) => {
    await request({ method: "POST", url: base, body, headers }, more);
    const { headers: sent, body: text } = heard.at(-1)!;
    return [sent["content-type"], text, sent["content-length"]];
  };
  expect(await post("größe")).toEqual(["text/plain;charset=utf-8", "größe", "7"]);
  expect(await post({ a: [1] })).toEqual(["application/json", '{"a":[1]}', "9"]);
  expect(await post(new Uint8Array([65]))).toEqual(["application/octet-stream", "A", "1"]);
  expect(await post("<x/>", { "Content-Type": "text/xml" })).toEqual(["text/xml", "<x/>", "4"]);
  const blobs = openBlobStore({ memory: true });
  const file = await blobs.put(new TextEncoder().encode("a,b\n"), { type: "text/csv" });
  expect(await post(file, {}, { blobs })).toEqual(["text/csv", "a,b\n", "4"]);
  await expect(request({ url: base, body: "x" })).rejects.toMatchObject({ error: { code: "CONFIG" } });
});

test("[R-NODE-52] core/http.request gives the body as text, file or bytes", async () => {
  answer = (_, response) =>
    response.writeHead(200, { "content-type": "text/csv; charset=iso-8859-1" }).end(Buffer.from([0xfc, 10]));
  expect((await request({ url: base, responseType: "text" })).outputs["body"]).toBe("ü\n");
  expect((await request({ url: base, responseType: "bytes" })).outputs["body"]).toEqual(new Uint8Array([0xfc, 10]));
  const file = await request({ url: `${base}/dir/%2e%2e%2Fevil.csv`, responseType: "file" });
  expect(file.outputs["body"]).toMatchObject({ type: "text/csv", size: 2, name: "evil.csv" });
  expect(file.blobs.gauge().blobs).toBe(1);
  answer = (_, response) => response.writeHead(204).end();
  expect((await request({ url: base })).outputs).not.toHaveProperty("body");
  expect((await request({ url: base, method: "HEAD" })).outputs["status"]).toBe(204);
  answer = (_, response) => response.end("<html>");
  await expect(request({ url: base })).rejects.toMatchObject({
    message: expect.stringContaining('it starts "<html>"; set `responseType: text`'),
    error: { code: "JSON" },
  });
});

test.each([
  [400, false],
  [401, false],
  [404, false],
  [408, true],
  [429, true],
  [500, true],
  [501, false],
  [503, true],
])(
  "[R-NODE-53] an answer %i fails as http.<status>, retryable %s, and says what the server said",
  async (status, retryable) => {
    answer = (_, response) => json(response, { reason: "x".repeat(2000) }, status);
    const failing = request({ url: `${base}/path?token=secret` });
    await expect(failing).rejects.toMatchObject({
      error: { code: `http.${status}`, class: "http", http: status, retryable },
    });
    const message = await failing.catch((error: Error) => error.message);
    expect(message).toMatch(
      new RegExp(`^Cannot GET "${base}/path": the server answered ${status} .*\\("?\\{"reason":"xxx`),
    );
    expect(message).not.toContain("secret");
    expect((message as string).length).toBeLessThan(600);
    expect((await request({ url: base, failOnStatus: false })).outputs["status"]).toBe(status);
  },
);

test("[R-NODE-54] a broken exchange is a network failure with its real cause, worth a retry", async () => {
  const other = await listen();
  await stop(other.server);
  await expect(request({ url: other.base })).rejects.toMatchObject({
    message: `Cannot GET "${other.base}/": nobody listens there; check address and port, and that the server runs`,
    error: { code: "ECONNREFUSED", class: "network", retryable: true },
  });
  answer = (_, response) => response.socket!.destroy();
  await expect(request({ url: base })).rejects.toMatchObject({ error: { class: "network", retryable: true } });
  answer = (_, response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write("half");
    setImmediate(() => response.socket!.destroy());
  };
  await expect(request({ url: base, responseType: "text" })).rejects.toMatchObject({
    error: { class: "network", retryable: true },
  });
  await expect(request({ url: "http://127.0.0.1:9/" })).rejects.toMatchObject({
    error: { code: "BAD_PORT", class: "config" },
  });
  await expect(request({ url: "https://" + base.slice(7) })).rejects.toMatchObject({
    error: { class: "network", retryable: false },
  });
});

test("[R-NODE-55] redirects are followed up to a bound, and credentials stay with their origin", async () => {
  const other = await listen();
  answer = ({ url }, response) => {
    if (url === "/away") response.writeHead(302, { location: `${other.base}/there` }).end("gone");
    else if (url === "/same") response.writeHead(307, { location: "/end" }).end();
    else if (url === "/loop") response.writeHead(302, { location: "/loop" }).end();
    else if (url === "/file") response.writeHead(302, { location: "file:///etc/passwd" }).end();
    else json(response, { url });
  };
  const headers = { Authorization: "Bearer secret", Cookie: "a=b", "X-Own": "1" };
  expect((await request({ url: `${base}/away`, method: "POST", body: "x", headers })).outputs["url"]).toBe(
    `${other.base}/there`,
  );
  expect(heard.at(-1)).toMatchObject({ method: "GET", body: "" });
  expect(heard.at(-1)!.headers).toMatchObject({ "x-own": "1" });
  expect(heard.at(-1)!.headers).not.toHaveProperty("authorization");
  expect(heard.at(-1)!.headers).not.toHaveProperty("cookie");
  expect(heard.at(-1)!.headers).not.toHaveProperty("content-type");
  await request({ url: `${base}/same`, method: "PUT", body: { keep: 1 }, headers });
  expect(heard.at(-1)).toMatchObject({
    method: "PUT",
    url: "/end",
    body: '{"keep":1}',
    headers: { authorization: "Bearer secret" },
  });
  await expect(request({ url: `${base}/loop`, maxRedirects: 3 })).rejects.toMatchObject({
    error: { code: "HTTP_REDIRECT" },
  });
  expect(heard.filter(({ url }) => url === "/loop")).toHaveLength(4);
  await expect(request({ url: `${base}/file` })).rejects.toMatchObject({ error: { code: "HTTP_REDIRECT" } });
  await expect(request({ url: `${base}/same`, maxRedirects: 0 })).rejects.toMatchObject({
    error: { code: "http.307" },
  });
  await stop(other.server);
});

test("[R-NODE-56] an answer larger than the limit is refused without being read to its end", async () => {
  let sent = 0;
  answer = (_, response) => {
    const chunk = Buffer.alloc(65_536);
    const more = (): void => {
      while (!response.destroyed && response.write(chunk)) sent += chunk.length;
    };
    response.on("drain", more);
    more();
  };
  for (const responseType of ["json", "text", "bytes"]) {
    await expect(request({ url: base, responseType, limitBytes: 100_000 })).rejects.toMatchObject({
      error: { code: "LIMIT", class: "resource" },
    });
  }
  const blobs = openBlobStore({ memory: true });
  await expect(request({ url: base, responseType: "file", limitBytes: 10_000 }, { blobs })).rejects.toMatchObject({
    error: { code: "LIMIT" },
  });
  expect(blobs.gauge()).toMatchObject({ blobs: 0, writing: 0 });
  expect(sent).toBeLessThan(100_000_000);
  await expect.poll(() => sockets.size).toBe(0);
});

test("[R-NODE-57] abort ends a request while it waits and while its body comes, and closes its socket", async () => {
  const controller = new AbortController();
  answer = () => controller.abort("cancelled");
  await expect(request({ url: base }, { signal: controller.signal })).rejects.toBe("cancelled");
  const second = new AbortController();
  answer = (_, response) => {
    response.writeHead(200);
    response.write("part");
    setTimeout(() => second.abort("cancelled too"), 20); // real time: the first part travels over a real socket
  };
  await expect(request({ url: base, responseType: "text" }, { signal: second.signal })).rejects.toBe("cancelled too");
  await expect.poll(() => sockets.size).toBe(0);
});

test.each([
  ["a line end in a header", { headers: { "x-a": "1\r\nx-evil: 2" } }, "characters that HTTP forbids"],
  ["a line end in a header's name", { headers: { "x\r\na": "1" } }, "characters that HTTP forbids"],
  ["another scheme", { url: "file:///etc/passwd" }, 'Cannot request a "file:" address'],
  ["a relative URL", { url: "/api" }, "it is not an absolute URL"],
  ["credentials in the URL", { url: "http://user:secret@127.0.0.1/" }, "the URL holds a name or password"],
])("[R-NODE-58] core/http.request refuses %s before anything is sent", async (_, config, says) => {
  const failing = request({ url: base, ...config });
  await expect(failing).rejects.toMatchObject({
    message: expect.stringContaining(says),
    error: { code: "CONFIG", class: "config", retryable: false },
  });
  expect(await failing.catch((error: Error) => error.message)).not.toContain("secret");
  expect(heard).toEqual([]);
});
