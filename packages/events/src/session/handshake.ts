import { EventsError, type EventsErrorCode } from "../core/errors.ts";
import { copyOut } from "../wire/payload.ts";
import { finite, list, originSlot, protocol, readError, readOrigin, record, text, uint } from "./bodies.ts";
import type { Hello } from "./session.ts";

/** Told in HELLO and RESUME only. Peers of another version are refused with both named. */
export const WIRE_VERSION = 1;

/** What HELLO says beside the bus's own words. */
export interface Greeting {
  readonly hello: Hello;
  /** New with each session object: tells a peer that began anew from one that repeats itself. */
  readonly epoch: string;
  /** Never changes while a link lives, over all its sessions. */
  readonly link: string;
  /** The speaker can dial again: the other side keeps the session for a while when the connection is lost. */
  readonly redials: boolean;
  /** Number of the speaker's first frame in each lane. */
  readonly firstSeq: number;
  readonly windowBytes: readonly number[];
  readonly messageBytes: number;
  readonly framesPerSecond: number;
  /** Codecs of events that the speaker has, the one it likes best first; `msgpack` always among them. */
  readonly codecs: readonly string[];
  /** Formats of compressed bodies that it takes. */
  readonly compression: readonly string[];
}

export interface Welcome {
  /** There when the session can be resumed: its id, and a secret for one resume. */
  readonly session?: { readonly id: string; readonly secret: string };
  /** Last frames seen in each lane, when this answers RESUME. */
  readonly seen?: readonly number[];
}

export interface Resume {
  readonly id: string;
  readonly secret: string;
  readonly seen: readonly number[];
}

const LIST_LIMIT = 65_536;
const CODEC_LIMIT = 16;

export function greetingBody(greeting: Greeting): unknown {
  const { hello } = greeting;
  return {
    v: WIRE_VERSION,
    bus: hello.busId,
    role: hello.role,
    contracts: hello.contracts.map(({ id, hash }) => [id, hash]),
    names: [...hello.names],
    behind: hello.behind.map(originSlot),
    ...(hello.token !== undefined && { token: hello.token }),
    epoch: greeting.epoch,
    link: greeting.link,
    redials: greeting.redials,
    first: greeting.firstSeq,
    window: [...greeting.windowBytes],
    message: greeting.messageBytes,
    frames: greeting.framesPerSecond,
    codecs: [...greeting.codecs],
    ...(greeting.compression.length > 0 && { compression: [...greeting.compression] }),
  };
}

/** Throws PROTOCOL, or VERSION_MISMATCH naming both versions. */
export function readGreeting(body: unknown): Greeting {
  const raw = record(body, "HELLO");
  checkVersion(raw["v"]);
  const pairs = list(raw["contracts"], "the contracts");
  const names = list(raw["names"], "the names");
  const behind = list(raw["behind"], "the buses behind");
  if (Math.max(pairs.length, names.length, behind.length) > LIST_LIMIT) throw protocol("HELLO has too long a list");
  const window = list(raw["window"], "the window").map((bytes) => uint(bytes, "a window"));
  if (window.length !== 3) throw protocol("the window is not one for each lane");
  const firstSeq = uint(raw["first"], "the first number");
  if (firstSeq > 0xffffffff) throw protocol("the first number has more than 32 bits");
  return {
    hello: {
      busId: text(raw["bus"], "the bus id"),
      role: text(raw["role"], "the role"),
      contracts: pairs.map((pair) => {
        const [id, hash] = list(pair, "a contract");
        return { id: text(id, "a contract's id"), hash: text(hash, "a contract's hash") };
      }),
      names: names.map((name) => text(name, "a name")),
      behind: behind.map(readOrigin),
      ...(raw["token"] !== undefined && { token: text(raw["token"], "the token", 8_192) }),
    },
    epoch: text(raw["epoch"], "the epoch"),
    link: text(raw["link"], "the link"),
    redials: raw["redials"] === true,
    firstSeq,
    windowBytes: window,
    messageBytes: uint(raw["message"], "the message limit"),
    framesPerSecond: finite(raw["frames"], "the frame limit"),
    codecs: readNames(raw["codecs"], "the codecs"),
    compression: readNames(raw["compression"], "the compression"),
  };
}

function readNames(value: unknown, what: string): string[] {
  const names = value === undefined ? [] : list(value, what);
  if (names.length > CODEC_LIMIT) throw protocol("HELLO has too long a list");
  return names.map((name) => text(name, what));
}

export function welcomeBody(welcome: Welcome): unknown {
  const { session, seen } = welcome;
  return { ...(session && { session: session.id, secret: session.secret }), ...(seen && { seen: [...seen] }) };
}

export function readWelcome(body: unknown): Welcome {
  const raw = record(body, "WELCOME");
  return {
    ...(raw["session"] !== undefined && {
      session: { id: text(raw["session"], "the session id"), secret: text(raw["secret"], "the secret") },
    }),
    ...(raw["seen"] !== undefined && { seen: readSeen(raw["seen"]) }),
  };
}

export function resumeBody(resume: Resume): unknown {
  return { v: WIRE_VERSION, session: resume.id, secret: resume.secret, seen: [...resume.seen] };
}

export function readResume(body: unknown): Resume {
  const raw = record(body, "RESUME");
  checkVersion(raw["v"]);
  return {
    id: text(raw["session"], "the session id"),
    secret: text(raw["secret"], "the secret"),
    seen: readSeen(raw["seen"]),
  };
}

export interface Reject {
  readonly error: EventsError;
  /** Dialling again may help. */
  readonly mayRetry: boolean;
  /** Only the resume is refused: a HELLO on this connection begins a new session. */
  readonly resume: boolean;
}

export function rejectBody(reject: Reject): unknown {
  const { code, message, details } = reject.error;
  return { code, message, details: plainDetails(details), retry: reject.mayRetry, resume: reject.resume };
}

/** A refusal must arrive: details that cannot cross, or are too much, stay at home. */
function plainDetails(details: Readonly<Record<string, unknown>>): unknown {
  try {
    const copy = copyOut(details, "bytes", DETAILS_BYTES, DETAILS_DEPTH);
    return copy.lowered ? {} : copy.value;
  } catch {
    return {};
  }
}

const DETAILS_BYTES = 16_384;
const DETAILS_DEPTH = 4;

const REJECT_CODES: readonly EventsErrorCode[] = [
  "DUPLICATE_LINK",
  "CONTRACT_MISMATCH",
  "VERSION_MISMATCH",
  "REJECTED",
  "PROTOCOL",
  "LIMIT",
  "DENIED",
];

export function readReject(body: unknown): Reject {
  const raw = record(body, "REJECT");
  const { code, message, details } = readError(raw);
  const known = REJECT_CODES.find((each) => each === code) ?? "REJECTED";
  return {
    error: new EventsError(known, message, details),
    mayRetry: raw["retry"] === true,
    resume: raw["resume"] === true,
  };
}

function checkVersion(version: unknown): void {
  if (version === WIRE_VERSION) return;
  throw new EventsError(
    "VERSION_MISMATCH",
    `Cannot connect: the peer speaks wire version ${String(version).slice(0, 16)}, this side ${WIRE_VERSION}; use the same major version of the package on both sides`,
    { ours: WIRE_VERSION },
  );
}

function readSeen(value: unknown): number[] {
  const seen = list(value, "the numbers seen").map((seq) => uint(seq, "a number seen"));
  if (seen.length !== 3 || seen.some((seq) => seq > 0xffffffff)) throw protocol("the numbers seen are not one a lane");
  return seen;
}

/** 128 bits that nobody can guess. */
export function newSecret(): string {
  const words = crypto.getRandomValues(new Uint32Array(4));
  return Array.from(words, (word) => word.toString(16).padStart(8, "0")).join("");
}
