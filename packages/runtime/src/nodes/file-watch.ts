import { stat } from "node:fs/promises";
import { relative, sep } from "node:path";

import { watch } from "chokidar";
import picomatch from "picomatch";
import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import { Arrivals } from "./arrivals.ts";
import { fileError, pathIn } from "./files.ts";

const change = z.object({ kind: z.enum(["added", "changed", "removed"]), path: z.string(), folder: z.string() });
const KINDS = { add: "added", change: "changed", unlink: "removed" } as const;

export const fileWatch = defineNode({
  type: "core/file.watch",
  version: "1.0.0",
  title: "Watch files",
  category: "triggers",
  description:
    "Tells each file below a folder that is added, changed or removed, until `count` or cancel. A file counts once it has stopped growing. Changes that wait to be taken are told once a file, with the last kind.",
  inputs: {},
  outputs: {
    changes: port.stream(change, {
      type: "stream<object>",
      description: "`{ kind, path, folder }`: added, changed or removed; the path from the folder, with `/`.",
    }),
  },
  openInputs: true,
  config: z.strictObject({
    path: z.string().default(".").describe("The folder. Relative paths start at the Blueprint's folder."),
    match: z
      .union([z.string(), z.array(z.string())])
      .default("**")
      .describe("Globs from the folder, as in `core/file.list`."),
    existing: z.boolean().default(false).describe("Tell the files that are there at the start as added."),
    settleMs: z
      .number()
      .int()
      .min(0)
      .max(60_000)
      .default(200)
      .describe("Milliseconds without growth after which a file is taken to be written."),
    count: z.number().int().min(1).optional().describe("Ends after so many changes. Left out: goes on until cancel."),
  }),
  example: 'with: { path: inbox, match: "*.csv" }',
  effect: "read",
  runsOn: "inline",
  async run(ctx) {
    const { match, existing, settleMs, count = Number.POSITIVE_INFINITY } = ctx.config;
    const root = pathIn(ctx.cwd, ctx.config.path);
    const isWanted = picomatch(match, { dot: true });
    try {
      if (!(await stat(root)).isDirectory()) throw Object.assign(new Error("no folder"), { code: "ENOTDIR" });
    } catch (error) {
      throw fileError("watch the folder", root, error);
    }
    const arrivals = new Arrivals<{ kind: "added" | "changed" | "removed"; path: string; folder: string }>(ctx.signal);
    const watcher = watch(root, {
      ignoreInitial: !existing,
      followSymlinks: false,
      awaitWriteFinish:
        settleMs === 0 ? false : { stabilityThreshold: settleMs, pollInterval: Math.min(100, settleMs) },
    });
    watcher.on("all", (event, full) => {
      const path = relative(root, full).split(sep).join("/");
      if (event in KINDS && isWanted(path)) {
        arrivals.push(path, { kind: KINDS[event as keyof typeof KINDS], path, folder: root });
      }
    });
    watcher.on("error", (error) => arrivals.fail(fileError("watch the folder", root, error)));
    watcher.on("ready", () => ctx.log.debug(`watches ${root}`));
    try {
      for (let done = 0; done < count; done += 1) {
        await ctx.emit("changes", await arrivals.next());
        ctx.progress(done + 1, Number.isFinite(count) ? count : undefined);
      }
    } finally {
      arrivals.close();
      await watcher.close();
    }
    return {};
  },
});
