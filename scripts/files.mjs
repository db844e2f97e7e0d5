import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** The files below `folder` whose path matches, without what was built or installed. */
export function files(folder, matches) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return /^(\.|node_modules$|dist$)/.test(entry.name) ? [] : files(path, matches);
    return matches.test(path) ? [path] : [];
  });
}

export function report(check, count, things, findings) {
  for (const finding of new Set(findings)) console.error(finding);
  console.log(`${check}: ${count} ${things}, ${findings.length} ${findings.length === 1 ? "finding" : "findings"}`);
  if (findings.length > 0) process.exitCode = 1;
}
