/** What the page shows: one store, written by studio.ts alone, read by components through selectors. */
import { createStore, type StoreApi } from "zustand/vanilla";

import type { BlueprintEntry, BlueprintInfo, ExecutionInfo, Link } from "./host/host.ts";
import type { BreakpointPlace, KnownBreakpoint } from "./model/breakpoints.ts";
import type { Execution } from "./model/execution.ts";
import { noRights, type Rights } from "./model/steer.ts";
import type { PlayerView } from "./recording/player.ts";

export type Loaded<T> =
  | { readonly at: "nothing" }
  | { readonly at: "loading" }
  | { readonly at: "here"; readonly value: T }
  | { readonly at: "failed"; readonly message: string };

export interface Notice {
  readonly id: number;
  readonly text: string;
}

/** What the host has against the inputs of a run. */
export interface Refusal {
  /** By input; those that the Blueprint lacks stand in the text alone. */
  readonly messages: Readonly<Record<string, string>>;
  readonly text: string;
}

/** The breakpoint that the dialog is about: one of the list, or one to come. */
export interface EditedBreakpoint {
  readonly path: string;
  readonly at: BreakpointPlace;
}

export interface StudioState {
  readonly link: Link;
  readonly blueprints: Loaded<readonly BlueprintEntry[]>;
  readonly executions: readonly ExecutionInfo[];
  /** Id of the Blueprint that is open. */
  readonly openId: string | undefined;
  readonly blueprint: Loaded<BlueprintInfo>;
  readonly executionId: string | undefined;
  readonly execution: Execution | undefined;
  /** The execution's id is known, what has happened in it is on its way. */
  readonly isAttaching: boolean;
  /** Path of the node in the graph that is shown in detail. */
  readonly selected: string | undefined;
  /** Path of its instance, where it has several. */
  readonly instance: string | undefined;
  /** `execute` was asked and has not been answered. */
  readonly isStarting: boolean;
  readonly isCancelling: boolean;
  /** The Run form is open. */
  readonly isAsking: boolean;
  /** Of the run that was asked for last in the open form. */
  readonly refusal: Refusal | undefined;
  /** What this page may do at its host. */
  readonly rights: Rights;
  /** A command that steers the execution is under way. */
  readonly isSteering: boolean;
  /** Of the open Blueprint. */
  readonly breakpoints: readonly KnownBreakpoint[];
  readonly editing: EditedBreakpoint | undefined;
  /** Id of the wait whose form is open. */
  readonly answering: string | undefined;
  /** Path of the instance, or of the node in every item, whose configuration is open. */
  readonly configuring: string | undefined;
  readonly notice: Notice | undefined;
  /** Where in its recording the page is; undefined with a host that runs things. */
  readonly recording: PlayerView | undefined;
  /** How far this computer's clock is ahead of the host's, milliseconds; undefined until a host spoke. */
  readonly clockAheadMs: number | undefined;
  /** When the link to the host broke, on the host's clock; undefined while there is one. Nothing is known since. */
  readonly leftAt: number | undefined;
}

export type StudioStore = StoreApi<StudioState>;

export const createStudioStore = (): StudioStore =>
  createStore<StudioState>(() => ({
    link: { at: "connecting" },
    blueprints: { at: "loading" },
    executions: [],
    openId: undefined,
    blueprint: { at: "nothing" },
    executionId: undefined,
    execution: undefined,
    isAttaching: false,
    selected: undefined,
    instance: undefined,
    isStarting: false,
    isCancelling: false,
    isAsking: false,
    refusal: undefined,
    rights: noRights,
    isSteering: false,
    breakpoints: [],
    editing: undefined,
    answering: undefined,
    configuring: undefined,
    notice: undefined,
    recording: undefined,
    clockAheadMs: undefined,
    leftAt: undefined,
  }));
