/**
 * A page and a frame in it, of this or another origin.
 *
 * 1. Windows hear posts from anybody, so nothing but the hand-over of a port goes over them: the frame says HELLO, the
 *    page answers with PORT. A page that comes later says CALL, and the frame says HELLO again.
 * 2. Both post to the exact origin that they were told, and hear only the window and the origin that they were told, with
 *    their tag. Posts of our shape that fail this are refused and counted; all others are not ours.
 * 3. HELLO has a number of its document's own: another one means that the frame was loaded anew, and ends the connection.
 */
import { newId, systemRandom } from "../core/ids.ts";
import type { CloseCause, Connection, ConnectionEvents, Transport } from "../wire/transport.ts";
import { portTransport, type PortLike } from "./port.ts";

/** A window of whatever origin, by what may be used of it. */
export interface WindowLike {
  postMessage(message: any, origin: any, transfer?: any): void;
}

/** An `<iframe>`. */
export interface FrameLike {
  readonly contentWindow: WindowLike | null;
}

export type FrameRefusal = "source" | "origin" | "tag" | "port";

export interface FrameOptions {
  /** The other window's origin, exactly: `https://app.example`. There is no "any". */
  readonly origin: string;
  /** Tells apart several links between two windows; the same on both sides. Default "bus". */
  readonly tag?: string;
  /** A connection that nobody answers ends as `failed` after this many milliseconds. Default 10,000. */
  readonly timeoutMs?: number;
  /** Hears of posts that were refused, for logs: what the event holds is a stranger's. */
  readonly onRefused?: (why: FrameRefusal, event: unknown) => void;
}

export interface FrameTransport extends Transport {
  /** Posts that looked like ours, and were not let in. */
  refused(): Readonly<Record<FrameRefusal, number>>;
}

const KEY = "atomiton:frame";
const TIMEOUT_MS = 10_000;
/** No event tells a page that a frame was taken out of it. */
const LOOK_MS = 1_000;

type What = "hello" | "call" | "port";

interface Post {
  readonly [KEY]: What;
  readonly tag: string;
  /** Of the frame's document. */
  readonly document: string;
}

interface PostEvent {
  readonly data: unknown;
  readonly origin: string;
  readonly source: unknown;
  readonly ports: readonly PortLike[];
}

interface OwnWindow {
  readonly parent: WindowLike;
  addEventListener(type: "message", hear: (event: PostEvent) => void): void;
  removeEventListener(type: "message", hear: (event: PostEvent) => void): void;
}

const ownWindow = (): OwnWindow => globalThis as unknown as OwnWindow;

/**
 * Speaks with a frame of this page whose script calls `embedderTransport`. The frame may be loading still. The link ends
 * when the frame is loaded anew or taken out: call it again on the frame's next `load`.
 *
 * Throws TypeError for what is no exact origin.
 *
 * @example
 * bus.connect(iframeTransport(iframe, { origin: "https://app.example" }), { peer: { role: "app", grants: [] } });
 */
export function iframeTransport(frame: FrameLike, options: FrameOptions): FrameTransport {
  return handOver(
    options,
    () => frame.contentWindow,
    (post, found) => {
      let document: string | undefined;
      post("call", "");
      return (said) => {
        if (said[KEY] !== "hello" || said.document === document) return undefined;
        if (document !== undefined) return "the frame was loaded anew";
        document = said.document;
        const { port1, port2 } = new MessageChannel();
        post("port", document, port2);
        return found(port1);
      };
    },
  );
}

/**
 * Speaks, inside a frame, with the page around it that calls `iframeTransport`, where that page is of `origin`; a page of
 * another origin hears nothing.
 *
 * Throws TypeError for what is no exact origin, and where there is no page around this one.
 *
 * @example
 * bus.connect(embedderTransport({ origin: "https://shell.example" }), { peer: { role: "shell", grants: [] } });
 */
export function embedderTransport(options: FrameOptions): FrameTransport {
  const { parent } = ownWindow();
  if (parent === undefined || (parent as unknown) === globalThis) {
    throw new TypeError("Cannot connect to the page around this one: there is none; call embedderTransport in a frame");
  }
  return handOver(
    options,
    () => parent,
    (post, found, refuse) => {
      const document = newId(systemRandom);
      post("hello", document);
      return (said, event) => {
        if (said[KEY] === "call") post("hello", document);
        if (said[KEY] !== "port") return undefined;
        const [port] = event.ports;
        if (said.document !== document || port === undefined || event.ports.length !== 1) return refuse("port", event);
        return found(port);
      };
    },
  );
}

/** Hears one post that passed; answers with the reason where it ends the connection. */
type Hear = (said: Post, event: PostEvent) => string | undefined | void;

type Begin = (
  post: (what: What, document: string, port?: unknown) => void,
  found: (port: PortLike) => void,
  refuse: (why: FrameRefusal, event: PostEvent) => void,
) => Hear;

function handOver(options: FrameOptions, other: () => WindowLike | null, begin: Begin): FrameTransport {
  const { origin, tag = "bus", timeoutMs = TIMEOUT_MS, onRefused } = options;
  if (!/^[a-z][a-z\d+.-]*:\/\/[^/\s*?#]+$/i.test(origin)) {
    throw new TypeError(
      `Cannot connect windows of origin "${origin}": it is no exact origin; use one like "https://app.example"`,
    );
  }
  const refused: Record<FrameRefusal, number> = { source: 0, origin: 0, tag: 0, port: 0 };
  const refuse = (why: FrameRefusal, event: PostEvent): void => {
    refused[why] += 1;
    onRefused?.(why, event);
  };
  let opened = false;
  return {
    name: "iframe",
    medium: "clone",
    redials: false,
    refused: () => ({ ...refused }),
    open(events: ConnectionEvents): Connection {
      if (opened) throw new TypeError("Cannot open a frame's transport twice: make another for another connection");
      opened = true;
      const here = ownWindow();
      let connection: Connection | undefined;
      let isOver = false;
      const onClose = (cause: CloseCause): void => {
        if (isOver) return;
        isOver = true;
        clearTimeout(timer);
        here.removeEventListener("message", hear);
        events.onClose(cause);
      };
      const post = (what: What, document: string, port?: unknown): void => {
        // A window of another origin does not get it: the browser compares.
        other()?.postMessage({ [KEY]: what, tag, document }, origin, port === undefined ? [] : [port]);
      };
      const found = (port: PortLike): void => {
        if (connection) return port.close?.();
        clearTimeout(timer);
        look();
        connection = portTransport(port).open({
          onOpen: () => events.onOpen(),
          onFrame: (frame) => events.onFrame(frame),
          onDrain: () => events.onDrain(),
          onClose,
        });
      };
      const end = (reason: string): void => {
        onClose({ kind: "gone", reason, mayRetry: false });
        connection?.close(reason);
      };
      const look = (): void => {
        if (other() === null) end("the frame was taken out of its page");
        else timer = setTimeout(look, LOOK_MS);
      };
      const hear = (event: PostEvent): void => {
        const said = postIn(event.data);
        if (said === undefined) return;
        if (event.source !== other()) return refuse("source", event);
        if (event.origin !== origin) return refuse("origin", event);
        if (said.tag !== tag) return refuse("tag", event);
        const reason = hearPost(said, event);
        if (reason !== undefined) end(reason);
      };
      let timer = setTimeout(() => {
        const reason = `Nobody of origin ${origin} answered within ${timeoutMs} ms`;
        onClose({ kind: "failed", reason, mayRetry: false });
      }, timeoutMs);
      here.addEventListener("message", hear);
      const hearPost = begin(post, found, refuse);
      return {
        send: (frame) => (isOver ? true : (connection?.send(frame) ?? true)),
        close(reason = "closed") {
          if (connection) return connection.close(reason);
          queueMicrotask(() => onClose({ kind: "local", reason, mayRetry: false }));
        },
      };
    },
  };
}

/** By own fields of a plain kind: what a stranger posts may be anything. */
function postIn(data: unknown): Post | undefined {
  if (typeof data !== "object" || data === null || !(KEY in data)) return undefined;
  const { tag, document } = data as Partial<Post>;
  return typeof tag === "string" && typeof document === "string" ? (data as Post) : undefined;
}
