/**
 * Where `new EventBus()` runs, and whom it connects to by itself.
 *
 * | here | it |
 * |---|---|
 * | Electron's main process | lets the app's own pages in |
 * | utility process | takes the pages that main sends |
 * | page of an Electron app, the topmost document of its window | dials main |
 * | worker or forked process that was started with `markedWorker`, `markedChild` | answers the one who started it |
 * | anywhere else | stays alone |
 *
 * 1. Globals are read, nothing is imported: `electron` is loaded only where `process.type` says that it is there. In
 *    plain Node that import would download it.
 * 2. Buses of one main or utility process that speak the same contracts are joined to the oldest of them, and pages are
 *    given to that one: a page that dialled two of them would close a cycle.
 * 3. Bundles for browsers get page-environment.ts instead (`imports` of package.json), which has what may happen there.
 */
import { receivePages, type IpcMainLike, type Page, type Verdict } from "../transports/electron-main.ts";
import { acceptPages, type ParentPortLike } from "../transports/electron-utility.ts";
import { isMarkedChild } from "../transports/marked-child.ts";
import { isMarkedWorker } from "../transports/marked-worker.ts";
import { memoryPair } from "../transports/memory.ts";
import { parentTransport } from "../transports/worker.ts";
import { dial, idsOf, joinSurroundings as joinPage, type Joining, type PageSurroundings } from "./page-environment.ts";

/** What is read of the globals. */
export interface Surroundings extends PageSurroundings {
  readonly process?: {
    readonly type?: string;
    readonly execPath?: string;
    readonly parentPort?: ParentPortLike;
    getBuiltinModule?(name: string): any;
  };
}

/** The part of `electron` that is used here. */
interface Electron {
  readonly ipcMain: IpcMainLike;
  readonly app: { getAppPath(): string };
}

/** Connects `bus` as its surroundings want it. Returns the function that is called when the bus closes. */
export function joinSurroundings(bus: Joining, here: Surroundings = globalThis as Surroundings): () => void {
  const type = here.process?.type;
  if (type === "browser") return home.join(bus, () => openMain(here));
  if (type === "utility" && here.process?.parentPort !== undefined) {
    const { parentPort } = here.process;
    return home.join(bus, () => acceptPages((contracts) => home.find(contracts), parentPort));
  }
  if (here.document !== undefined) return joinPage(bus, here);
  if (isMarkedWorker() || isMarkedChild()) dial(bus, parentTransport());
  return () => {};
}

/** The buses of a process that pages come to, oldest first. */
class Home {
  readonly #buses: Joining[] = [];
  /** To which older bus each is joined. */
  readonly #joined = new Map<Joining, Joining>();
  #close: (() => void) | undefined;

  join(bus: Joining, open: () => () => void): () => void {
    this.#buses.push(bus);
    this.#close ??= open();
    this.#link(bus);
    return () => this.#leave(bus);
  }

  /** The oldest bus that speaks one of the contracts; for a page without any, one without any. */
  find(contracts: readonly string[]): Joining | undefined {
    return this.#buses.find((bus) => {
      const ids = idsOf(bus);
      return contracts.length === 0 ? ids.length === 0 : ids.some((id) => contracts.includes(id));
    });
  }

  #link(bus: Joining): void {
    const older = this.find(idsOf(bus));
    if (older === undefined || older === bus) return;
    this.#joined.set(bus, older);
    const [near, far] = memoryPair();
    older.connect(near, { peer: { role: bus.role, grants: ["*"], routes: true } }).ready.catch(() => {});
    bus.connect(far, { peer: { role: older.role, grants: ["*"], routes: true } }).ready.catch(() => {});
  }

  #leave(bus: Joining): void {
    const at = this.#buses.indexOf(bus);
    if (at < 0) return;
    this.#buses.splice(at, 1);
    this.#joined.delete(bus);
    if (this.#buses.length === 0) {
      this.#close?.();
      this.#close = undefined;
      return;
    }
    const left = [...this.#joined].filter(([, older]) => older === bus).map(([younger]) => younger);
    for (const younger of left) this.#joined.delete(younger);
    // Later: their links to this bus end first, or the new ones would close cycles.
    setTimeout(() => {
      for (const younger of left) if (this.#buses.includes(younger)) this.#link(younger);
    });
  }
}

const home = new Home();

function openMain(here: Surroundings): () => void {
  const load = here.process?.getBuiltinModule?.("node:module").createRequire(here.process.execPath);
  const { ipcMain, app } = load("electron") as Electron;
  const own = here.process?.getBuiltinModule?.("node:url").pathToFileURL(`${app.getAppPath()}/`).href as string;
  return receivePages(ipcMain, (page) => judge(page, own));
}

/** Schemes of Chromium. What else a page may have was given to it by the app. */
const COMMON_SCHEMES = new Set(["http", "https", "ws", "wss", "ftp", "about", "data", "blob", "javascript", "chrome"]);

function judge({ webContents, url, contracts }: Page, own: string): Verdict | undefined {
  const window = webContents as {
    getType?(): string;
    readonly session?: { readonly protocol: { isProtocolHandled(scheme: string): boolean } };
  };
  if (window.getType?.() !== "window") return { refused: "it is no window of the app" };
  const scheme = /^[a-z][a-z0-9+.-]*(?=:)/.exec(url)?.[0] ?? "";
  const isOwn =
    scheme === "file"
      ? url.startsWith(own)
      : !COMMON_SCHEMES.has(scheme) && window.session?.protocol.isProtocolHandled(scheme) === true;
  if (!isOwn) return { refused: "it is neither a file of the app nor of a protocol that the app handles" };
  const to = home.find(contracts);
  if (to === undefined) return { refused: "no bus of main speaks its contracts", mayRetry: true };
  return { to, admission: { grants: ["*"] } };
}
