/**
 * What the HTTP side of `atomiton serve` answers: Studio's files to anybody who reaches it under one of its own names,
 * blobs and recordings only with the token. The bus is not here: it takes the upgrade at /bus.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { Readable } from "node:stream";

import { serveStatic } from "@hono/node-server/serve-static";
import { Hono, type Context, type MiddlewareHandler } from "hono";
import { secureHeaders } from "hono/secure-headers";

export interface BlobSource {
  /** Undefined where there is no such blob. */
  open(hash: string): Promise<{ size: number; bytes: AsyncIterable<Uint8Array> } | undefined>;
}

export interface HttpAppOptions {
  studio: string;
  token: string;
  blobs: BlobSource;
  /** Recordings that pages may fetch, by name. */
  recordings?: ReadonlyMap<string, Uint8Array>;
  /** `Host` and `Origin` values that are let in, asked per request: the port is known only after listening. */
  hosts(): readonly string[];
  origins(): readonly string[];
}

/** Compares in a time that says nothing of where the two differ. */
export function sameToken(given: string, token: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

export function httpApp(options: HttpAppOptions): Hono {
  const app = new Hono();
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        // The graph and the editor place things by style elements of their own.
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", "data:", "blob:"],
        fontSrc: ["'self'"],
        // Some browsers do not count ws: of the same host as 'self'.
        connectSrc: ["'self'", (context) => `ws://${context.req.header("host") ?? ""}`],
        workerSrc: ["'self'"],
        manifestSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
      crossOriginResourcePolicy: "same-origin",
      crossOriginOpenerPolicy: "same-origin",
      xFrameOptions: "DENY",
      referrerPolicy: "no-referrer",
      // Plain HTTP on a loopback address: a promise of HTTPS would be wrong.
      strictTransportSecurity: false,
    }),
  );
  app.use(async (context, next) => {
    const host = context.req.header("host")?.toLowerCase() ?? "";
    if (!options.hosts().includes(host)) {
      return context.text(
        `Cannot answer for host "${host.slice(0, 200)}": this server answers to ${options.hosts().join(", ")}\n`,
        421,
      );
    }
    const origin = context.req.header("origin");
    if (origin !== undefined && !options.origins().includes(origin)) {
      return context.text("Cannot answer a page of another site\n", 403);
    }
    if (context.req.method !== "GET" && context.req.method !== "HEAD") {
      return context.text("Cannot change anything over HTTP: use the bus at /bus\n", 405, { allow: "GET, HEAD" });
    }
    await next();
    return undefined;
  });
  const needsToken: MiddlewareHandler = async (context, next) => {
    const given = /^Bearer (.+)$/.exec(context.req.header("authorization") ?? "")?.[1];
    if (given === undefined || !sameToken(given, options.token)) {
      return context.text("Cannot give this without the token: send it as Authorization: Bearer …\n", 401);
    }
    await next();
    return undefined;
  };
  /** Always a download, never a page of ours: its bytes come from anywhere. */
  const download = (context: Context, bytes: AsyncIterable<Uint8Array> | Uint8Array[], size: number): Response =>
    context.body(Readable.toWeb(Readable.from(bytes)) as ReadableStream, 200, {
      "content-type": "application/octet-stream",
      "content-disposition": "attachment",
      "content-length": String(size),
      "cache-control": "private, no-store",
    });
  app.get("/recordings/:name", needsToken, (context) => {
    const bytes = options.recordings?.get(context.req.param("name"));
    if (!bytes) return context.text("Cannot give this recording: it is not served here\n", 404);
    return download(context, [bytes], bytes.byteLength);
  });
  app.get("/blobs/:hash", needsToken, async (context) => {
    const hash = context.req.param("hash");
    if (!/^sha256:[0-9a-f]{64}$/.test(hash)) {
      return context.text("Cannot give this blob: its name is not sha256:<64 hex digits>\n", 400);
    }
    const blob = await options.blobs.open(hash);
    if (!blob) return context.text("Cannot give this blob: it is not here, or no longer\n", 404);
    return download(context, blob.bytes, blob.size);
  });
  app.use("/assets/*", async (context, next) => {
    await next();
    // Their names carry a hash of their content.
    if (context.res.ok) context.header("cache-control", "public, max-age=31536000, immutable");
  });
  app.use(serveStatic({ root: options.studio }));
  app.notFound((context) => context.text("Cannot find this page: Studio is at /\n", 404));
  app.onError((error, context) => {
    console.error(`Cannot answer ${context.req.method} ${context.req.path}: ${error.message}`);
    return context.text("Cannot answer: something failed here; the server's log says what\n", 500);
  });
  return app;
}
