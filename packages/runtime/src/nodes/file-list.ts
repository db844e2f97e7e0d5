import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";

import picomatch from "picomatch";
import { z } from "zod";

import { defineNode, port } from "../blueprint/define-node.ts";
import { fileError, pathIn } from "./files.ts";

const entry = z.object({
  path: z.string(),
  name: z.string(),
  folder: z.string(),
  size: z.number(),
  modifiedMs: z.number(),
  isFolder: z.boolean(),
});

export const fileList = defineNode({
  type: "core/file.list",
  version: "1.0.0",
  title: "List files",
  category: "files",
  description:
    "Lists the files below a folder whose path matches, folder by folder, sorted by name. Links to folders are not followed. One item per file; `core/file.read` in a loop reads them.",
  inputs: {},
  outputs: {
    files: port.stream(entry, {
      type: "stream<object>",
      description:
        "`{ path, name, folder, size, modifiedMs, isFolder }`: the path from `path`, with `/`; size in bytes; time in ms since 1970.",
    }),
    folder: port.value(z.string(), { description: "The absolute path of the folder." }),
  },
  openInputs: true,
  config: z.strictObject({
    path: z.string().default(".").describe("The folder. Relative paths start at the Blueprint's folder."),
    match: z
      .union([z.string(), z.array(z.string())])
      .default("**")
      .describe("Globs from the folder: `**/*.csv`, `data/{a,b}/*.json`."),
    ignore: z.array(z.string()).default([]).describe("Globs of what is left out; a folder that matches is not read."),
    hidden: z.boolean().default(false).describe("Also names that start with a dot."),
    folders: z.boolean().default(false).describe("List folders beside files."),
    depth: z.number().int().min(1).max(100).default(100).describe("Folders deep; 1 is the folder itself alone."),
  }),
  example: 'with: { path: inbox, match: "**/*.csv", ignore: [done] }',
  effect: "read",
  runsOn: "inline",
  async run(ctx) {
    const { match, ignore, hidden, folders, depth } = ctx.config;
    const root = pathIn(ctx.cwd, ctx.config.path);
    const wanted = picomatch(match, { dot: hidden });
    const unwanted = ignore.length === 0 ? () => false : picomatch(ignore, { dot: true });
    let done = 0;
    // Depth first, from a list: deep trees need no recursion.
    const open = [root];
    for (let folder; (folder = open.pop()) !== undefined;) {
      ctx.signal.throwIfAborted();
      let entries: Dirent[];
      try {
        entries = await readdir(folder, { withFileTypes: true });
      } catch (error) {
        throw fileError("list the folder", folder, error);
      }
      const below: string[] = [];
      for (const found of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
        const full = join(folder, found.name);
        const path = relative(root, full).split(sep).join("/");
        if ((!hidden && found.name.startsWith(".")) || unwanted(path)) continue;
        const isFolder = found.isDirectory();
        if (isFolder && path.split("/").length < depth) below.push(full);
        if ((isFolder && !folders) || !wanted(path)) continue;
        const facts = await stat(full).catch(() => undefined);
        // Vanished since the folder was read, or a link that leads nowhere or to a folder.
        if (!facts || facts.isDirectory() !== isFolder) continue;
        await ctx.emit("files", {
          path,
          name: found.name,
          folder: root,
          size: facts.size,
          modifiedMs: Math.round(facts.mtimeMs),
          isFolder,
        });
        ctx.progress((done += 1));
      }
      open.push(...below.reverse());
    }
    ctx.progress(done, done);
    return { folder: root };
  },
});
