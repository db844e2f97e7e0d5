// Each rule `- **[ID]**` of a SPEC.md is named by a test, each `"[ID] …"` of a test is a rule; tests hold their clock
// and are all run.
import { readFileSync } from "node:fs";
import { dirname } from "node:path";

import { files, report } from "./files.mjs";

const findings = [];
const rules = new Map();
for (const spec of files(".", /(^|\/)SPEC\.md$/)) {
  for (const [, id] of readFileSync(spec, "utf8").matchAll(/^- \*\*\[([^\]]+)\]\*\*/gm)) {
    if (rules.has(id)) findings.push(`${spec}: ${id} is a rule twice, also in ${rules.get(id)}/SPEC.md`);
    rules.set(id, dirname(spec));
  }
}
const named = new Set();
const suites = ["packages", "apps", "tests"].flatMap((room) =>
  files(room, /\/(test|tests)\/|^tests\/|\/src\/.*(testing\/|-contract\.ts)/),
);
for (const file of suites.filter((path) => /\.[cm]?tsx?$/.test(path))) {
  const text = readFileSync(file, "utf8");
  const home = /^packages\/[^/]+/.exec(file)?.[0];
  for (const [, group] of text.matchAll(/["'`]((?:\[[A-Z][A-Z0-9, -]*\d[a-z]?\] ?)+)/g)) {
    for (const [, list] of group.matchAll(/\[([^\]]+)\]/g)) {
      for (const id of list.split(/, */)) {
        named.add(id);
        if (!rules.has(id)) findings.push(`${file} names ${id}: no SPEC.md has that rule`);
        else if (home && rules.get(id) !== home) findings.push(`${file} names ${id}: it is a rule of ${rules.get(id)}`);
      }
    }
  }
  for (const [at, line] of text.split("\n").entries()) {
    if (/\b(test|it|describe)\.(skip|only|todo)\b/.test(line))
      findings.push(`${file}:${at + 1}: a test that is not run`);
    const timed =
      /\bset(Timeout|Interval)\(/.test(line) && /^packages\/[^/]+\/test\//.test(file) && !file.includes("/transports/");
    if (timed && !/\/\/ real time: \S/.test(line))
      findings.push(`${file}:${at + 1}: a real timer; hold the clock, or say "// real time: why"`);
  }
}
for (const [id, home] of rules) if (!named.has(id)) findings.push(`${home}/SPEC.md: no test names ${id}`);
report("spec", rules.size, "rules", findings);
