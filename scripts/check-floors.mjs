// Imports go down the floors of floors.json (lowest first; names in one string are one room), never across, never by
// path into another package; what a page loads loads nothing of Node.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { files, report } from "./files.mjs";

const { browserSafe, ...houses } = JSON.parse(readFileSync("scripts/floors.json", "utf8"));
const findings = [];
const imports = new Map();
for (const [house, floors] of Object.entries(houses)) {
  const rooms = new Map(
    floors.flatMap((floor, at) => floor.flatMap((room) => room.split(" ").map((name) => [name, { at, room }]))),
  );
  const owner = existsSync(join(house, "../package.json"))
    ? JSON.parse(readFileSync(join(house, "../package.json"), "utf8"))
    : {};
  const known = { ...owner.dependencies, ...owner.devDependencies, ...owner.peerDependencies, [owner.name]: "" };
  const roomOf = (file) =>
    rooms.get(
      file
        .slice(house.length + 1)
        .split("/")[0]
        .replace(/\.\w+$/, ""),
    );
  for (const file of files(house, /(?<!globals\.d)\.[cm]?tsx?$/)) {
    const text = readFileSync(file, "utf8").replace(/^\s*(\/\/|\/?\*).*$/gm, "");
    const named = [...text.matchAll(/(?:\bfrom|^import|\bimport\()\s*"([^"]+)"/gm)].map((match) => match[1]);
    const paths = named.map((name) => (name.startsWith(".") ? join(dirname(file), name) : name));
    imports.set(file, paths);
    const from = roomOf(file);
    if (floors.length > 0 && !from)
      findings.push(`${file} stands in no room of scripts/floors.json: name its floor there`);
    for (const [at, path] of paths.entries()) {
      if (!named[at].startsWith(".")) {
        const [scope, name] = path.split("/");
        if (scope === "@atomiton" && !(`${scope}/${name}` in known))
          findings.push(`${file} imports ${path}: its package.json does not depend on it`);
        continue;
      }
      const to = roomOf(path);
      if (!path.startsWith(`${dirname(house)}/`))
        findings.push(`${file} imports ${path}: reach another package by its public name`);
      else if (from && to && to.at > from.at)
        findings.push(`${file} (floor ${from.at}) imports ${path} (floor ${to.at}): imports only go down`);
      else if (from && to && to.at === from.at && to.room !== from.room)
        findings.push(`${file} imports ${path}: rooms of one floor are strangers`);
    }
  }
}
for (const door of browserSafe) {
  const seen = new Set([door]);
  for (const file of seen) {
    for (const path of imports.get(file) ?? []) {
      if (/^node:|^@atomiton\/events\/node$/.test(path))
        findings.push(`${door} is loaded by pages, and ${file} imports ${path}`);
      seen.add(path);
    }
  }
}
report("floors", imports.size, "files", findings);
