/**
 * The main process of an Electron app lets its pages in, and gives their ports to whoever serves them.
 *
 * 1. The page makes the channel, so nothing is ever posted to a frame: a frame that was kept points at the next
 *    document after a navigation, and would hand its port to another origin.
 * 2. Who asks is judged in the handler itself, before anything is awaited: later the frame may be another.
 * 3. A port that is not taken is closed. One that is dropped may never tell the page.
 * 4. Each reload is a new port and a new session. Ends are told by the port, never by events of the window.
 */
import {
  CHANNEL,
  attachPort,
  connectPage,
  REFUSED,
  type ConnectsPages,
  type PageAdmission,
  type UtilityLike,
} from "./electron-port.ts";
import type { PortLike } from "./port.ts";

export { attachPort, electronPort } from "./electron-port.ts";
export type { ConnectsPages, PageAdmission, UtilityLike } from "./electron-port.ts";
export { acceptPages } from "./electron-utility.ts";
export type { ParentPortLike } from "./electron-utility.ts";

/** The part of `WebFrameMain` that is used here. */
export interface FrameLike {
  readonly url: string;
  readonly origin: string;
}

/** The part of `webContents` that is used here. */
export interface WebContentsLike {
  readonly mainFrame: FrameLike;
  once(event: "destroyed", hear: () => void): unknown;
  removeListener(event: "destroyed", hear: () => void): unknown;
}

/** The event of `ipcMain.on`. */
export interface IpcEventLike {
  readonly sender: WebContentsLike;
  readonly senderFrame: FrameLike | null;
  readonly ports: readonly PortLike[];
}

export interface IpcMainLike {
  on(channel: string, hear: (event: any, hello: unknown) => void): unknown;
  removeListener(channel: string, hear: (event: any, hello: unknown) => void): unknown;
}

/** A page that may come in: the main frame of a window. */
export interface Page {
  readonly webContents: WebContentsLike;
  readonly url: string;
  /** As `app://studio`; `file://` for files. */
  readonly origin: string;
  /** Ids of the contracts that it says it speaks. */
  readonly contracts: readonly string[];
}

export interface ServePagesOptions {
  readonly ipcMain: IpcMainLike;
  /**
   * Who serves the pages: a bus of this process, or a utility process whose bus takes them (`acceptPages`). A function
   * is asked for each page; undefined: nobody now, the page dials again.
   */
  readonly to: ConnectsPages | UtilityLike | (() => ConnectsPages | UtilityLike | undefined);
  /** The origins of the app's own pages, as `app://studio`. Others are refused. */
  readonly origins: readonly string[];
  /** What a page may do; undefined refuses it. Default: the role that it claims, without any right. */
  readonly admits?: PageAdmission | ((page: Page) => PageAdmission | undefined);
  /** Hears of every page that was refused, and why. Default: `console.warn`. */
  readonly onRefused?: (reason: string, url: string) => void;
}

export interface PagesServer {
  /** The pages of this window may come in from now on. Call the result to end that; links that live go on. */
  add(webContents: WebContentsLike): () => void;
  /** No page comes in any more. Idempotent; links that live go on: they belong to their bus. */
  close(): void;
}

/** Where a page goes, or why it goes nowhere. */
export type Verdict =
  | { readonly to: ConnectsPages | UtilityLike; readonly admission: PageAdmission }
  | { readonly refused: string; readonly mayRetry?: boolean };

/** Judges a page; undefined where it is none of its own. */
export type Judge = (page: Page) => Verdict | undefined;

/**
 * Lets the pages of registered windows in: the main frame only, of the app's own origins only, with the rights that
 * are given here. Out of the data path where `to` is a utility process.
 *
 * @example
 * const pages = servePages({ ipcMain, to: child, origins: ["app://studio"], admits: { role: "ui", grants: ["*"] } });
 * const window = new BrowserWindow({ webPreferences: { preload } }); // of "@atomiton/events/electron/preload"
 * pages.add(window.webContents);
 */
export function servePages(options: ServePagesOptions): PagesServer {
  const { ipcMain, to, origins, admits = { grants: [] } } = options;
  const windows = new Map<WebContentsLike, () => void>();
  // A child that ended before its first page must be known to have ended.
  if (typeof to !== "function") hasEnded(to);
  const leave = receivePages(
    ipcMain,
    (page) => {
      if (!windows.has(page.webContents)) return undefined;
      if (!origins.includes(page.origin)) {
        return { refused: `its origin is not one of the app's own (${origins.join(", ")})` };
      }
      const admission = typeof admits === "function" ? admits(page) : admits;
      if (admission === undefined) return { refused: "the app does not admit it" };
      const host = typeof to === "function" ? to() : to;
      if (host === undefined) return { refused: "nobody serves pages at the moment", mayRetry: true };
      return { to: host, admission };
    },
    { isFirst: true, ...(options.onRefused && { onRefused: options.onRefused }) },
  );
  return {
    add(webContents) {
      const remove = (): void => {
        windows.delete(webContents);
        webContents.removeListener("destroyed", remove);
      };
      if (!windows.has(webContents)) {
        windows.set(webContents, remove);
        webContents.once("destroyed", remove);
      }
      return remove;
    },
    close() {
      leave();
      for (const remove of Array.from(windows.values())) remove();
    },
  };
}

interface Desk {
  readonly judge: Judge;
  readonly onRefused: (reason: string, url: string) => void;
}

/** The desks of one `ipcMain`: whoever knows the page decides, those made by hand before those made by themselves. */
const desks = new WeakMap<
  IpcMainLike,
  { readonly all: Desk[]; readonly hear: (event: IpcEventLike, hello: unknown) => void }
>();

/** Judges the pages that dial. Returns the function that ends it. */
export function receivePages(
  ipcMain: IpcMainLike,
  judge: Judge,
  options: { readonly isFirst?: boolean; readonly onRefused?: (reason: string, url: string) => void } = {},
): () => void {
  const warn = (reason: string, url: string): void =>
    console.warn(`Cannot let page "${url}" in: ${reason}; see servePages of "@atomiton/events/electron/main"`);
  const desk: Desk = { judge, onRefused: options.onRefused ?? warn };
  let here = desks.get(ipcMain);
  if (here === undefined) {
    const all: Desk[] = [];
    here = { all, hear: (event, hello) => receive(all, event, hello) };
    desks.set(ipcMain, here);
    ipcMain.on(CHANNEL, here.hear);
  }
  const { all, hear } = here;
  if (options.isFirst === true) all.unshift(desk);
  else all.push(desk);
  return () => {
    const at = all.indexOf(desk);
    if (at >= 0) all.splice(at, 1);
    if (all.length > 0 || desks.get(ipcMain)?.all !== all) return;
    desks.delete(ipcMain);
    ipcMain.removeListener(CHANNEL, hear);
  };
}

function receive(all: readonly Desk[], event: IpcEventLike, hello: unknown): void {
  const [port] = event.ports;
  const url = urlOf(event);
  const refuse = (reason: string, mayRetry = false, { onRefused } = all[0]!): void => {
    for (const each of event.ports) {
      each.start?.();
      each.postMessage([REFUSED, `main refused this page: ${reason}`, mayRetry]);
      each.close?.();
    }
    if (!mayRetry) onRefused(reason, url);
  };
  if (port === undefined || event.ports.length !== 1)
    return refuse(`it sent ${event.ports.length} ports in place of one`);
  if (!isMainFrame(event)) return refuse("it is not the main frame of its window");
  const { origin } = event.senderFrame!;
  const page: Page = { webContents: event.sender, url, origin, contracts: contractsIn(hello) };
  for (const desk of all) {
    let verdict: Verdict | undefined;
    try {
      verdict = desk.judge(page);
      if (verdict === undefined) continue;
      if ("refused" in verdict) return refuse(verdict.refused, verdict.mayRetry, desk);
      if (hasEnded(verdict.to)) return refuse("its host has ended", true, desk);
      hand(port, verdict, page);
    } catch (fault) {
      refuse(`serving it failed: ${String(fault)}`, true, desk);
      console.error(fault);
    }
    return;
  }
  refuse("nobody here serves its window");
}

/** Children, and whether they have ended: what is posted to one that has is lost without a word. */
const children = new WeakMap<object, boolean>();

function hasEnded(to: ConnectsPages | UtilityLike): boolean {
  if ("connect" in to) return false;
  if (!children.has(to)) {
    children.set(to, false);
    to.on("exit", () => children.set(to, true));
  }
  return children.get(to) === true;
}

function hand(port: PortLike, { to, admission }: Extract<Verdict, { to: unknown }>, { contracts }: Page): void {
  if ("connect" in to) connectPage(to, port, admission);
  else attachPort(to, port, admission, { contracts });
}

/** Electron throws where the frame or the window is gone already. */
function isMainFrame({ sender, senderFrame }: IpcEventLike): boolean {
  try {
    return senderFrame !== null && senderFrame === sender.mainFrame;
  } catch {
    return false;
  }
}

function urlOf({ senderFrame }: IpcEventLike): string {
  try {
    return String(senderFrame?.url ?? "").slice(0, 200);
  } catch {
    return "";
  }
}

/** From a page: anything may stand there. */
function contractsIn(hello: unknown): readonly string[] {
  const { contracts } = (hello ?? {}) as { contracts?: unknown };
  if (!Array.isArray(contracts)) return [];
  return contracts.filter((id): id is string => typeof id === "string").slice(0, 100);
}
