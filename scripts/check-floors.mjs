// Imports go down the floors of floors.json (lowest first; names in one string are one room), never across, never by
// path into another package; what a page loads loads nothing of Node.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { files, report } from "./files.mjs";

const { browserSafe, ...houses } = JSON.parse(readFileSync("scripts/floors.json", "utf8"));
const findings = [];
const imports = new Map();
for (const [house, floors] of Object.entries(houses)) {
  const home = dirname(house);
  const roomOf = (path) => {
    const name = /^[^/.]+/.exec(path.slice(house.length + 1))?.[0];
    const at = floors.findIndex((rooms) => rooms.some((room) => room.split(" ").includes(name)));
    return at < 0 ? undefined : { at, room: floors[at].find((room) => room.split(" ").includes(name)) };
  };
  for (const file of files(house, /(?<!globals\.d)\.[cm]?tsx?$/)) {
    const owner = JSON.parse(readFileSync(`${home}/package.json`, "utf8"));
    const known = [owner.name, ...Object.keys({ ...owner.dependencies, ...owner.peerDependencies })];
    const text = readFileSync(file, "utf8").replace(/^\s*(\/\/|\/?\*).*$/gm, "");
    const named = [...text.matchAll(/(?:\bfrom|^import|\bimport\()\s*"([^"]+)"/gm)].map((match) => match[1]);
    const paths = named.map((name) => (name.startsWith(".") ? join(dirname(file), name) : name));
    imports.set(file, paths);
    const from = roomOf(file);
    if (floors.length > 0 && !from) findings.push(`${file} is in no room of scripts/floors.json: name its floor`);
    for (const [at, path] of paths.entries()) {
      const to = roomOf(path);
      const says = (rule) => findings.push(`${file} imports ${path}: ${rule}`);
      if (path.startsWith("@atomiton/") && !known.includes(path.split("/").slice(0, 2).join("/"))) {
        says("its package.json does not depend on it");
      } else if (named[at].startsWith(".") && !path.startsWith(`${home}/`)) {
        says("reach another package by its public name");
      } else if (path.startsWith(house) && from && to) {
        if (to.at > from.at) says(`floor ${to.at} from floor ${from.at}, and imports only go down`);
        if (to.at === from.at && to.room !== from.room) says("rooms of one floor are strangers");
      }
    }
  }
}
for (const door of browserSafe) {
  const seen = new Set([door]);
  for (const file of seen) for (const path of imports.get(file) ?? []) seen.add(path);
  for (const path of seen) {
    if (/^node:|^@atomiton\/events\/node$/.test(path))
      findings.push(`${door} is loaded by pages, and leads to ${path}`);
  }
}
report("floors", imports.size, "files", findings);
