/** `RuntimeIPC`: a runtime on the bus. */
import { EventBus, type Clock } from "@atomiton/events";

import { libraryContract, runtimeContract, type RuntimeBus } from "./contract.ts";
import { systemClock } from "./engine/clock.ts";
import { Answers } from "./host/answers.ts";
import { serveCommands } from "./host/commands.ts";
import { provideLateJoin } from "./host/late-join.ts";
import { serveLibrary } from "./host/library-service.ts";
import { Relay } from "./host/relay.ts";
import type { Library } from "./library/index.ts";
import { Runtime } from "./runtime.ts";

export interface RuntimeIPCOptions {
  /** Left out: a runtime for the current folder, closed with this host. */
  readonly runtime?: Runtime;
  /** Left out: a bus in the role `host`, closed with this host. It connects by itself where something awaits it. */
  readonly bus?: RuntimeBus;
  /** Left out: the runtime's own. */
  readonly library?: Library;
  readonly clock?: Pick<Clock, "now" | "monotonic">;
  /** Makes ids of executions. Default: random UUIDs. */
  readonly newId?: () => string;
  /** Hears of events that could not be emitted. Default: `console.error`. */
  readonly onError?: (fault: unknown) => void;
}

/**
 * Serves a runtime on a bus: answers `runtime@1` and `library@1`, tells clients all that its executions do, and gives
 * those that come late what happened so far. What this version cannot do (`pool` and `version` of `execute`) is answered with
 * `NOT_YET`.
 *
 * Two commands with one `commandId` are one: the second gets the first one's answer. A command that fails is also told
 * as `runtime:error` with scope `command`, for those who sent it with a plain `emit`.
 * @example
 * const runtime = new Runtime({ dir: "blueprints" });
 * const bus = new EventBus({ contracts: [runtimeContract, libraryContract], role: "host" });
 * const ipc = new RuntimeIPC({ runtime, bus });
 * ipc.initialize();
 * bus.connect(portTransport(port), { peer: { role: "ui", grants: ["*"] } });
 */
export class RuntimeIPC {
  private readonly events: RuntimeBus;
  private readonly runtime: Runtime;
  readonly #library: Library;
  readonly #ownsBus: boolean;
  readonly #ownsRuntime: boolean;
  readonly #relay: Relay;
  readonly #answers: Answers;
  readonly #clock: Pick<Clock, "now" | "monotonic">;
  readonly #newId: () => string;
  #stops: (() => void)[] | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: RuntimeIPCOptions = {}) {
    this.#ownsBus = options.bus === undefined;
    this.#ownsRuntime = options.runtime === undefined;
    this.events = options.bus ?? new EventBus({ contracts: [runtimeContract, libraryContract], role: "host" });
    this.runtime = options.runtime ?? new Runtime();
    this.#library = options.library ?? this.runtime.library;
    this.#clock = options.clock ?? systemClock;
    this.#newId = options.newId ?? (() => crypto.randomUUID());
    this.#answers = new Answers(() => this.#clock.monotonic());
    this.#relay = new Relay({
      bus: this.events,
      runtime: this.runtime,
      onError: options.onError ?? ((fault) => console.error(fault)),
    });
  }

  /** Begins to serve. Once: a second call changes nothing. Throws `HANDLER_EXISTS` where another host serves this bus. */
  initialize(): void {
    if (this.#stops || this.#closing) return;
    const { events: bus, runtime } = this;
    const stops: (() => void)[] = [];
    this.#stops = stops;
    stops.push(
      serveCommands({
        bus,
        runtime,
        relay: this.#relay,
        answers: this.#answers,
        clock: this.#clock,
        newId: this.#newId,
      }),
      serveLibrary({ bus, runtime, library: this.#library, catalog: runtime.catalog }),
      provideLateJoin(bus, runtime, this.#relay),
      () => this.#relay.stop(),
    );
    this.#relay.start();
  }

  /** Idempotent. Stops serving; closes the runtime (cancelling what runs) and the bus where they are its own. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      if (this.#ownsRuntime) await this.runtime.close();
      for (const stop of this.#stops ?? []) stop();
      this.#stops = undefined;
      if (this.#ownsBus) await this.events.close();
    })();
    return this.#closing;
  }
}
