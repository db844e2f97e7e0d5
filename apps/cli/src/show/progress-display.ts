/**
 * Shows one execution while it runs. Everything shown comes from an event: a number that moves is work that was done.
 * On a terminal a block of lines is redrawn in place, below what stays; elsewhere each change that matters is one line.
 */
import type { RuntimeMessage, RuntimeProgress } from "@atomiton/runtime/contract";

import { paintFor, type Paint } from "./paint.ts";
import { counted, cut, duration, grouped, oneLine, padEnd } from "./text.ts";

export interface DisplayOptions {
  /** Writes text as it is, to where people look (stderr: stdout belongs to the result). */
  write(text: string): void;
  paint: Paint;
  /** Redraw in place: only on a terminal. */
  live: boolean;
  /** Asked at each redraw: windows change. */
  columns(): number;
}

/** As `stream` can show it. */
export function displayOn(stream: NodeJS.WriteStream): ProgressDisplay {
  return new ProgressDisplay({
    write: (chunk) => void stream.write(chunk),
    paint: paintFor(stream),
    live: stream.isTTY === true,
    columns: () => stream.columns ?? 80,
  });
}

const BAR_COLUMNS = 24;
/** Running nodes shown at once; the rest is counted. */
const NODE_LINES = 5;
/** Without a terminal: a line each time this many percent more are done. */
const PLAIN_STEP = 10;

export class ProgressDisplay {
  readonly #options: DisplayOptions;
  #drawnLines = 0;
  #isHeld = false;
  #progress: RuntimeProgress | undefined;
  #shownPercent = 0;
  #total = 0;
  /** Failures that a Blueprint took care of: the counts of progress have them among the failed. */
  #handled = 0;

  constructor(options: DisplayOptions) {
    this.#options = options;
  }

  hear(message: RuntimeMessage): void {
    const { paint } = this.#options;
    switch (message.type) {
      case "runtime:started": {
        const { blueprint, total } = message.data;
        this.#total = total;
        this.line(`${paint("bold", oneLine(blueprint.name))} ${oneLine(blueprint.version)}, ${counted(total, "node")}`);
        break;
      }
      case "runtime:progress":
        this.#progress = message.data;
        if (this.#options.live) this.#redraw();
        else this.#plainProgress(message.data);
        break;
      case "runtime:log": {
        const { level, path, message: text, stream } = message.data;
        const style = level === "error" ? "red" : level === "warn" ? "yellow" : "dim";
        this.line(`${paint(style, padEnd(stream ?? level, 6))} ${paint("cyan", oneLine(path))} ${oneLine(text)}`);
        break;
      }
      case "runtime:error":
        this.#error(message.data);
        break;
      case "runtime:completed": {
        const { durationMs, counts, handledErrors } = message.data;
        this.end();
        const skipped = counts.skipped > 0 ? `, ${grouped(counts.skipped)} skipped` : "";
        const handled = handledErrors > 0 ? `, ${counted(handledErrors, "handled error")}` : "";
        const done = `${counted(counts.completed, "node")} in ${duration(durationMs)}${skipped}${handled}`;
        this.line(`${paint("green", "completed")} ${done}`);
        break;
      }
      case "runtime:state":
      case "runtime:output":
      case "runtime:result":
      case "runtime:breakpoint":
      case "runtime:inspect":
        break;
    }
  }

  /** A line that stays, above what is redrawn. */
  line(text: string): void {
    this.#erase();
    this.#options.write(`${text}\n`);
    if (this.#options.live && this.#progress) this.#redraw();
  }

  /** While something is asked on the terminal nothing is redrawn there. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    this.#erase();
  }

  /** Takes the block away: nothing is drawn in place after it. */
  end(): void {
    this.#erase();
    this.#progress = undefined;
  }

  #error(data: Extract<RuntimeMessage, { type: "runtime:error" }>["data"]): void {
    const { paint } = this.#options;
    if (data.handled && data.scope === "node" && data.willRetryAt === undefined) this.#handled += 1;
    if (data.terminal) {
      this.end();
      const isCancel = data.state === "cancelled";
      const why = oneLine(data.error);
      // A reason begins with the word itself: "cancelled by Ctrl-C".
      if (isCancel && why.startsWith("cancelled")) this.line(paint("yellow", why));
      else if (isCancel) this.line(`${paint("yellow", "cancelled:")} ${why}`);
      else this.line(`${paint("red", "failed")} ${data.code}: ${why}`);
      return;
    }
    const where = data.path === undefined ? "" : ` ${paint("cyan", oneLine(data.path))}`;
    const next = data.willRetryAt !== undefined ? " (will be tried again)" : data.handled ? " (handled)" : "";
    this.line(
      `${paint(data.handled ? "yellow" : "red", "error ")}${where} ${data.code}: ${oneLine(data.error)}${next}`,
    );
  }

  #plainProgress(progress: RuntimeProgress): void {
    if (progress.percent === null || progress.percent < this.#shownPercent + PLAIN_STEP) return;
    this.#shownPercent = Math.floor(progress.percent / PLAIN_STEP) * PLAIN_STEP;
    this.line(`${Math.floor(progress.percent)} %  ${this.#counts(progress)}`);
  }

  #counts(progress: RuntimeProgress): string {
    const total = Math.max(progress.total, this.#total);
    const known = `${grouped(progress.done)} of ${grouped(total)}${progress.totalFinal ? "" : "+"} nodes`;
    // A loop is one piece of the work, and many nodes: both figures are right, and differ.
    const differs = Math.abs((progress.percent ?? 0) - (100 * progress.done) / Math.max(1, total)) >= 1;
    const of = progress.percent !== null && differs ? "of the work, " : "";
    const unhandled = progress.failed - this.#handled;
    const failed = unhandled > 0 ? `, ${grouped(unhandled)} failed` : "";
    const handled = this.#handled > 0 ? `, ${counted(this.#handled, "handled error")}` : "";
    return `${of}${known}, ${grouped(progress.running)} running${failed}${handled}`;
  }

  #redraw(): void {
    const progress = this.#progress;
    if (!progress || this.#isHeld) return;
    const { paint } = this.#options;
    const columns = Math.max(20, this.#options.columns() - 1);
    const filled = progress.percent === null ? 0 : Math.round((progress.percent / 100) * BAR_COLUMNS);
    const bar = paint("cyan", "█".repeat(filled)) + paint("dim", "░".repeat(BAR_COLUMNS - filled));
    const percent = progress.percent === null ? "  ? %" : `${String(Math.floor(progress.percent)).padStart(3)} %`;
    const eta = progress.etaMs === undefined ? "" : `, about ${duration(progress.etaMs)} left`;
    const lines = [
      `${bar} ${cut(`${percent}  ${this.#counts(progress)}${eta}`, Math.max(1, columns - BAR_COLUMNS - 1))}`,
    ];
    const running = progress.nodes ?? [];
    for (const node of running.slice(0, NODE_LINES)) {
      const amount =
        node.total === undefined
          ? node.done > 0
            ? grouped(node.done)
            : ""
          : `${grouped(node.done)} of ${grouped(node.total)}`;
      lines.push(cut(`  ${oneLine(node.path)}  ${amount}  ${oneLine(node.message ?? "")}`.trimEnd(), columns));
    }
    if (running.length > NODE_LINES) lines.push(`  and ${running.length - NODE_LINES} more`);
    this.#erase();
    this.#options.write(`${lines.join("\n")}\n`);
    this.#drawnLines = lines.length;
  }

  #erase(): void {
    if (this.#drawnLines === 0) return;
    this.#options.write(`\u001b[${this.#drawnLines}A\r\u001b[J`);
    this.#drawnLines = 0;
  }
}
