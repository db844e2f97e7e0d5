import type { RuntimeMessage, RuntimeProgress } from "@atomiton/runtime/contract";
import { expect, test } from "vitest";

import { ProgressDisplay } from "../src/show/progress-display.ts";
import { cut, duration, oneLine, widthOf } from "../src/show/text.ts";

const ev = { executionId: "x", seq: 1, epoch: 1, ts: 0 };
const progress = (over: Partial<RuntimeProgress>): RuntimeMessage => ({
  type: "runtime:progress",
  data: { ...ev, percent: 0, done: 0, total: 4, totalFinal: true, running: 1, failed: 0, ...over },
});
const log = (message: string): RuntimeMessage => ({
  type: "runtime:log",
  data: { ...ev, path: "a", attempt: 1, level: "info", message },
});

function display(live: boolean, columns = 60) {
  let text = "";
  const shown = new ProgressDisplay({
    write: (chunk) => (text += chunk),
    paint: (_style, part) => part,
    live,
    columns: () => columns,
  });
  return { shown, text: () => text };
}

/** What a terminal shows after the text: only the codes that the display uses are known here. */
function terminal(text: string): string[] {
  const lines = [""];
  let row = 0;
  // eslint-disable-next-line no-control-regex
  for (const part of text.split(/(\u001b\[\d*[AJ]|\r|\n)/)) {
    // eslint-disable-next-line no-control-regex
    const up = /^\u001b\[(\d+)A$/.exec(part);
    if (up) row -= Number(up[1]);
    else if (part === "\u001b[J") lines.splice(row, Infinity, "");
    else if (part === "\n") lines[++row] ??= "";
    else if (part !== "\r") lines[row] = (lines[row] ?? "") + part;
    expect(row).toBeGreaterThanOrEqual(0);
  }
  return lines;
}

test("[R-CLI-4] on a terminal the block is redrawn in place and lines that stay move above it", () => {
  const { shown, text } = display(true);
  shown.hear(progress({ percent: 25, done: 1, nodes: [{ path: "read", done: 10, total: 40 }] }));
  shown.hear(log("hello"));
  shown.hear(progress({ percent: 50, done: 2, nodes: [{ path: "read", done: 30, total: 40 }] }));
  expect(terminal(text())).toEqual([
    "info   a hello",
    `${"█".repeat(12)}${"░".repeat(12)}  50 %  2 of 4 nodes, 1 running`,
    "  read  30 of 40",
    "",
  ]);
  shown.end();
  expect(terminal(text())).toEqual(["info   a hello", ""]);
});

test("[R-CLI-4] no drawn line is wider than the terminal", () => {
  const { shown, text } = display(true, 40);
  const path = "each[日本語日本語日本語日本語日本語日本語]/fetch";
  shown.hear(progress({ percent: null, totalFinal: false, nodes: [{ path, done: 1_000, message: "x".repeat(80) }] }));
  for (const line of terminal(text())) expect(widthOf(line)).toBeLessThan(40);
});

test("[R-CLI-5] elsewhere there are plain lines, one for every ten percent at most, and no control codes", () => {
  const { shown, text } = display(false);
  for (let percent = 0; percent <= 100; percent++) shown.hear(progress({ percent, done: Math.floor(percent / 25) }));
  expect(text().trimEnd().split("\n")).toHaveLength(10);
  expect(text()).not.toContain("\u001b");
});

test("[R-CLI-5] a percentage that is not known is not made up", () => {
  const { shown, text } = display(true);
  shown.hear(progress({ percent: null, totalFinal: false, done: 3, total: 9 }));
  expect(text()).toContain("  ? %  3 of 9+ nodes");
  expect(text()).not.toContain("█");
});

test("[R-CLI-6] text from nodes cannot drive the terminal", () => {
  const { shown, text } = display(false);
  shown.hear(log("\u001b[2J\u001b]0;title\u0007evil\rover\nnext\u009b31m"));
  expect(text()).toBe("info   a ]0;titleevil ⏎ over ⏎ next31m\n");
  expect(oneLine("a\tb\u0000c")).toBe("a bc");
});

test("[R-CLI-6] cutting counts columns, not characters", () => {
  expect(cut("日本語", 4)).toBe("日…");
  expect(cut("abc", 3)).toBe("abc");
  expect(duration(950)).toBe("950 ms");
  expect(duration(61_000)).toBe("1 min 1 s");
});

test("[R-CLI-36] a percentage that is not of the nodes says of what; a handled error is no failure", () => {
  const { shown, text } = display(false);
  const detail = { code: "X", class: "user" as const, message: "no", retryable: false };
  const error = { ...ev, error: "no", code: "X", scope: "node" as const, path: "a", detail, terminal: false };
  shown.hear({ type: "runtime:error", data: { ...error, handled: true, willRetryAt: 1 } });
  shown.hear({ type: "runtime:error", data: { ...error, handled: true } });
  shown.hear(progress({ percent: 33, done: 4, total: 9, failed: 1 }));
  shown.hear(progress({ percent: 50, done: 4, total: 8, failed: 2 }));
  expect(text()).toContain("33 %  of the work, 4 of 9 nodes, 1 running, 1 handled error\n");
  expect(text()).toContain("50 %  4 of 8 nodes, 1 running, 1 failed, 1 handled error\n");
});
