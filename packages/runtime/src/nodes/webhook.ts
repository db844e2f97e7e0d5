import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { Arrivals } from "./arrivals.ts";
import { allBytes } from "./content.ts";

/** A caller has so long for a request, ms: slow ones must not hold sockets. */
const REQUEST_MS = 30_000;
/** Calls that may wait to be taken; more are told to come again. */
const WAITING = 100;
const call = z.object({
  method: z.string(),
  path: z.string(),
  query: z.record(z.string(), z.string()),
  headers: z.record(z.string(), z.string()),
  body: z.any(),
});
type Call = z.infer<typeof call>;
type Answer = readonly [status: number, text: string];

export const webhook = defineNode({
  type: "core/webhook",
  version: "1.0.0",
  title: "Webhook",
  category: "triggers",
  description:
    "Listens for HTTP requests and gives each as an item, until `count` or cancel. Callers show the token (`Authorization: Bearer …`); they are answered 202 once the request is taken in, 503 while 100 wait to be taken.",
  inputs: {},
  outputs: {
    requests: port.stream(call, {
      type: "stream<object>",
      description:
        "`{ method, path, query, headers, body }`: a JSON body as its value, any other as text. No token in it.",
    }),
  },
  openInputs: true,
  config: z.strictObject({
    token: z.string().min(16).describe("What callers show, such as `${ secrets.hook }`. At least 16 characters."),
    port: z.number().int().min(0).max(65_535).default(0).describe("0: a free one; the log names the address."),
    host: z.string().default("127.0.0.1").describe("Address to listen on. `0.0.0.0`: all of this computer's."),
    path: z.string().regex(/^\//).default("/").describe("Requests to other paths are answered 404."),
    methods: z.array(z.string()).min(1).default(["POST"]).describe("Others are answered 405."),
    limitBytes: z
      .number()
      .int()
      .min(0)
      .default(1024 ** 2)
      .describe("Largest body, bytes; larger ones are answered 413. Default 1 MiB."),
    count: z.number().int().min(1).optional().describe("Ends after so many. Left out: goes on until cancel."),
  }),
  example: 'with: { token: "${ secrets.hook }", port: 8080, path: /orders }',
  effect: "read",
  runsOn: "inline",
  async run(ctx) {
    const { port, host, count = Number.POSITIVE_INFINITY } = ctx.config;
    const calls = new Arrivals<Call>(ctx.signal);
    let number = 0;
    const take = async (request: IncomingMessage): Promise<Answer> => {
      const { refusal, url } = admit(request, ctx.config);
      if (refusal) return refusal;
      if (calls.size >= WAITING || number >= count) return [503, "too many requests wait; come again later"];
      let body: Uint8Array;
      try {
        body = await allBytes(request, ctx.config.limitBytes, () => new RangeError("too large"));
      } catch (error) {
        return error instanceof RangeError ? [413, `more than ${ctx.config.limitBytes} bytes`] : [400, "broken off"];
      }
      const parsed = bodyOf(body, request.headers["content-type"] ?? "");
      if ("refusal" in parsed) return parsed.refusal;
      if (calls.size >= WAITING || number >= count) return [503, "too many requests wait; come again later"];
      const { authorization: _, ...headers } = request.headers;
      calls.push(String((number += 1)), {
        method: request.method ?? "",
        path: url.pathname,
        query: Object.fromEntries(url.searchParams),
        headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
        body: parsed.value,
      });
      return [202, "accepted"];
    };
    const server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS }, (request, response) => {
      void take(request).then((answer) => reply(response, answer));
    });
    server.on("error", (error: NodeJS.ErrnoException) =>
      calls.fail(
        new NodeError(
          `Cannot listen on ${host}:${port}: ${error.code === "EADDRINUSE" ? "something else does" : error.message}; choose another port or host`,
          { code: error.code ?? "LISTEN", class: "resource", retryable: error.code === "EADDRINUSE" },
        ),
      ),
    );
    server.listen(port, host, () => {
      const { port: actual } = server.address() as { port: number };
      ctx.log.info(`listens on http://${host.includes(":") ? `[${host}]` : host}:${actual}${ctx.config.path}`);
    });
    try {
      for (let done = 0; done < count; done += 1) {
        await ctx.emit("requests", await calls.next());
        ctx.progress(done + 1, Number.isFinite(count) ? count : undefined);
      }
    } finally {
      calls.close();
      // Answers that are under way are a few bytes each: `end` has been called for them.
      server.closeIdleConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        setImmediate(() => server.closeAllConnections());
      });
    }
    return {};
  },
});

interface Rules {
  token: string;
  path: string;
  methods: string[];
}

function admit(request: IncomingMessage, { token, path, methods }: Rules): { refusal?: Answer; url: URL } {
  const url = new URL(request.url ?? "/", "http://local");
  const shown = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  // The token first: strangers learn neither paths nor methods.
  if (!timingSafeEqual(digest(shown), digest(token))) return { refusal: [401, "show the token"], url };
  if (url.pathname !== path) return { refusal: [404, "no such path"], url };
  if (!methods.includes(request.method ?? "")) return { refusal: [405, `use ${methods.join(", ")}`], url };
  return { url };
}

function bodyOf(bytes: Uint8Array, type: string): { value: unknown } | { refusal: Answer } {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (text === "") return { value: null };
    return { value: /\bjson\b/i.test(type) ? (JSON.parse(text) as unknown) : text };
  } catch (error) {
    return { refusal: [400, error instanceof SyntaxError ? "the body is not JSON" : "the body is not UTF-8"] };
  }
}

function reply(response: ServerResponse, [status, text]: Answer): void {
  response.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
    ...(status === 503 ? { "retry-after": "1" } : {}),
    // What is left of a refused body is not read.
    ...(status === 202 ? {} : { connection: "close" }),
  });
  response.end(`${text}\n`);
}
