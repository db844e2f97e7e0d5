/** What this tab shows: a host that runs things, or a recording in its place. Knows no React. */
import { createStore, type StoreApi } from "zustand/vanilla";

import { pageFrames } from "../frame.ts";
import { openBusHost } from "../host/bus-host.ts";
import { writeAddress, type Address } from "../model/address.ts";
import type { Keep } from "../steering.ts";
import { createStudioStore, type StudioStore } from "../store.ts";
import { Studio } from "../studio.ts";
import { Player } from "./player.ts";
import { recordedHost } from "./recorded-host.ts";

export interface Session {
  /** Another for each session: what was drawn for one is not kept for the next. */
  readonly id: number;
  readonly studio: Studio;
  readonly store: StudioStore;
}

export type Shown =
  | { readonly at: "reading"; readonly name: string }
  | { readonly at: "failed"; readonly message: string }
  | { readonly at: "here"; readonly session: Session };

export interface TabState {
  readonly shown: Shown;
  /** A recording that a person chose stands in the place of something that it can go back to. */
  readonly mayGoBack: boolean;
}

export interface TabOptions {
  readonly address: Address;
  readonly token: string | undefined;
  /** The view changed: the fragment that leads to it. */
  readonly onAddress: (fragment: string) => void;
}

/** As long as the tab is there. */
const tabKeep: Keep = {
  read: (key) => sessionStorage.getItem(key) ?? undefined,
  write: (key, text) => sessionStorage.setItem(key, text),
};

export class Tab {
  readonly state: StoreApi<TabState> = createStore<TabState>(() => ({
    shown: { at: "reading", name: "" },
    mayGoBack: false,
  }));
  private readonly options: TabOptions;
  /** Of what the tab was opened with, as it is now. */
  private address: Address;
  private sessions = 0;
  /** Counts what was asked to be shown: of two that are read at a time, the one that was asked for last is shown. */
  private asked = 0;

  constructor(options: TabOptions) {
    this.options = options;
    this.address = options.address;
  }

  /** Shows what the address names; also goes back to it from a recording that was chosen. */
  start(): void {
    this.asked += 1;
    const { recording } = this.address;
    if (recording === undefined) this.show(this.live(), false);
    else void this.fetch(recording);
  }

  /** A recording that a person chose. What is shown stays where the file is none. */
  async openFile(file: File): Promise<void> {
    const { shown } = this.state.getState();
    this.asked += 1;
    if (shown.at !== "here") this.state.setState({ shown: { at: "reading", name: file.name } });
    const isWanted = this.whileWanted();
    try {
      const bytes = new Uint8Array(await file.arrayBuffer());
      const player = await Player.open(bytes, { name: file.name });
      if (isWanted()) this.show(this.recorded(player, {}), true);
      else player.close();
    } catch (error) {
      if (!isWanted()) return;
      if (shown.at === "here") shown.session.studio.notify(messageOf(error));
      else this.state.setState({ shown: { at: "failed", message: messageOf(error) } });
    }
  }

  lookAgain(): void {
    const { shown } = this.state.getState();
    if (shown.at === "here" && shown.session.studio.player === undefined) shown.session.studio.lookAgain();
  }

  private async fetch(name: string): Promise<void> {
    this.close();
    this.state.setState({ shown: { at: "reading", name }, mayGoBack: false });
    const isWanted = this.whileWanted();
    try {
      const player = await Player.open(await this.bytesOf(name), { name, at: this.address.at });
      if (isWanted()) this.show(this.recorded(player, this.address), false);
      else player.close();
    } catch (error) {
      if (isWanted()) this.state.setState({ shown: { at: "failed", message: messageOf(error) } });
    }
  }

  private whileWanted(): () => boolean {
    const mine = this.asked;
    return () => this.asked === mine;
  }

  private async bytesOf(name: string): Promise<Uint8Array> {
    const answer = await fetch(`/recordings/${encodeURIComponent(name)}`, {
      headers: { authorization: `Bearer ${this.options.token ?? ""}` },
    });
    if (answer.ok) return new Uint8Array(await answer.arrayBuffer());
    throw new Error(
      answer.status === 401
        ? "The server refused this page: open the whole address that “atomiton replay --open” printed; its end is the key."
        : `The server does not have the recording “${name}” (${answer.status}).`,
    );
  }

  private live(): Session {
    const { token } = this.options;
    const { address } = this;
    this.address = { ...address, run: false, token: undefined };
    return this.session({ host: openBusHost({ token }), address, keep: tabKeep }, (view) => {
      this.address = { ...this.address, ...view };
      this.options.onAddress(writeAddress(view));
    });
  }

  private recorded(player: Player, { open, execution, recording }: Partial<Address>): Session {
    const { executions } = player.index;
    const shown = executions.find(({ executionId }) => executionId === execution) ?? executions[0];
    const address = { open: open ?? shown?.blueprint.id, execution: shown?.executionId, run: false };
    return this.session({ host: recordedHost(player), player, address }, (view) => {
      // A file that a person chose has no address: a reload leads to where it was chosen.
      if (recording !== undefined) this.options.onAddress(writeAddress({ ...view, recording }));
    });
  }

  private session(
    parts: Pick<ConstructorParameters<typeof Studio>[0], "host" | "player" | "address" | "keep">,
    onView: (view: { open: string | undefined; execution: string | undefined }) => void,
  ): Session {
    this.sessions += 1;
    const store = createStudioStore();
    const studio = new Studio({ ...parts, store, frames: pageFrames, now: () => Date.now(), onView });
    return { id: this.sessions, studio, store };
  }

  private show(session: Session, mayGoBack: boolean): void {
    this.close();
    session.studio.start();
    this.state.setState({ shown: { at: "here", session }, mayGoBack });
  }

  private close(): void {
    const { shown } = this.state.getState();
    if (shown.at === "here") shown.session.studio.close();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
