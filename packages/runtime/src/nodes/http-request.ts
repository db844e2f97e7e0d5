import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import type { Ports } from "../blueprint/define-node.ts";
import { NodeError } from "../errors.ts";
import { bodyOf, counted } from "./http-body.ts";
import { httpFailure, transportError } from "./http-errors.ts";
import { exchange } from "./http-exchange.ts";

/** Defaults of `limitBytes`. */
const MEMORY_LIMIT_BYTES = 64 * 1024 ** 2;
const FILE_LIMIT_BYTES = 4 * 1024 ** 3;
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;
const BODY: Record<string, Ports[string]> = {
  json: port.value(z.any(), { required: false, description: "The answer's body as JSON; empty when it has none." }),
  text: port.value(z.string(), { description: "The answer's body as text." }),
  file: port.file({ description: "The answer's body as a file." }),
  bytes: port.value(z.any(), { type: "bytes", description: "The answer's body as bytes." }),
};

export const httpRequest = defineNode({
  type: "core/http.request",
  version: "1.0.0",
  title: "HTTP request",
  category: "network",
  description:
    "Sends one HTTP request and gives the answer. Answers other than 2xx fail as `http.<status>`; 408, 425, 429, 500, 502, 503, 504, broken connections and time-outs may be retried by the node's `retry`. GET, HEAD and OPTIONS read and are sent again after a crash; the other methods, and a method that is an expression, are `write`: not silently repeated. It reaches every address that the computer reaches, its own network included: do not build the URL from what strangers send.",
  inputs: {},
  outputs: {
    body: BODY["json"]!,
    status: port.value(z.number().int(), { description: "The status code." }),
    headers: port.value(z.record(z.string(), z.string()), {
      type: "object",
      description: "Names in lower case; several of one name joined by a comma.",
    }),
    url: port.value(z.string(), { description: "Where the answer came from, after redirects." }),
  } as Ports,
  openInputs: true,
  config: z.strictObject({
    method: z.enum(METHODS).default("GET").describe("GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS."),
    url: z.string().describe("http or https, absolute."),
    query: z
      .record(z.string(), z.any())
      .default({})
      .describe("Added to the URL's query, encoded. A list repeats its name; null is left out."),
    headers: z
      .record(z.string(), z.union([z.string(), z.number()]))
      .default({})
      .describe("Request headers."),
    body: z
      .any()
      .optional()
      .describe(
        "Text as it is; a file or bytes as they are; any other value as JSON. Its content-type is set unless given.",
      ),
    responseType: z
      .enum(["json", "text", "file", "bytes"])
      .default("json")
      .describe("What `body` is. file: any size, kept in the blob store, not in memory."),
    failOnStatus: z.boolean().default(true).describe("false: answers other than 2xx come out like any other."),
    maxRedirects: z
      .number()
      .int()
      .min(0)
      .max(20)
      .default(10)
      .describe("Redirects followed; 0 makes a redirect an answer. Credentials do not follow to another origin."),
    limitBytes: z
      .number()
      .int()
      .positive()
      .optional()
      .describe("Largest answer, bytes. Left out: 64 MiB, which is held in memory; for `responseType: file` 4 GiB."),
  }),
  ports: ({ responseType }) => ({ outputs: { body: BODY[responseType] ?? BODY["json"]! } }),
  example: 'with: { url: "https://example.org/items", headers: { accept: application/json } }',
  effect: "write",
  effectOf: { method: { GET: "read", HEAD: "read", OPTIONS: "read" } },
  runsOn: "inline",
  async run(ctx) {
    const { config, signal } = ctx;
    const { method } = config;
    const target = urlOf(config.url, config.query);
    /** Without query and credentials: these often hold secrets. */
    const shown = `${target.origin}${target.pathname}`;
    try {
      const { response, url } = await exchange({
        method,
        url: target,
        headers: headersOf(config.headers),
        body: config.body,
        blob: ctx.blob,
        maxRedirects: config.maxRedirects,
        signal,
      });
      const chunks = counted(response, (done, total) => ctx.progress(done, total));
      if (!response.ok && config.failOnStatus) throw await httpFailure(method, shown, response, chunks);
      const body = await bodyOf(response, chunks, {
        as: config.responseType,
        limitBytes: config.limitBytes ?? (config.responseType === "file" ? FILE_LIMIT_BYTES : MEMORY_LIMIT_BYTES),
        request: `${method} ${shown}`,
        url,
        blob: ctx.blob,
      });
      return {
        ...(body === undefined ? {} : { body }),
        status: response.status,
        headers: joined(response.headers),
        url: url.href,
      };
    } catch (error) {
      signal.throwIfAborted();
      throw transportError(method, shown, error);
    }
  },
});

function refused(state: string, code = "CONFIG"): NodeError {
  return new NodeError(state, { code, class: "config", retryable: false });
}

function urlOf(text: string, query: Record<string, unknown>): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw refused(`Cannot request "${text.slice(0, 200)}": it is not an absolute URL; write http://… or https://…`);
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw refused(
      `Cannot request a "${url.protocol}" address: only http: and https: are known; use another node for it`,
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw refused(
      `Cannot request "${url.origin}": the URL holds a name or password; send them in an authorization header`,
    );
  }
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one === null || one === undefined) continue;
      url.searchParams.append(name, typeof one === "object" ? JSON.stringify(one) : String(one));
    }
  }
  return url;
}

function headersOf(given: Record<string, string | number>): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(given)) {
    try {
      headers.append(name, String(value));
    } catch {
      throw refused(
        `Cannot send the header ${JSON.stringify(name.slice(0, 80))}: its name or value holds characters that HTTP forbids, such as line ends; remove them`,
      );
    }
  }
  return headers;
}

/** `Headers` yields each `set-cookie` apart: all of them are kept. */
function joined(headers: Headers): Record<string, string> {
  const all = new Map<string, string>();
  for (const [name, value] of headers) all.set(name, all.has(name) ? `${all.get(name)}, ${value}` : value);
  return Object.fromEntries(all);
}
