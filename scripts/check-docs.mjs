// Each error code has its section in docs/errors.md and each section its code; a code block under
// `<!-- file: examples/x.ts -->` is that file.
import { existsSync, readFileSync } from "node:fs";

import { files, report } from "./files.mjs";

const findings = [];
const codes = new Set();
for (const file of ["packages/events/src/core/errors.ts", "packages/runtime/src/errors.ts"]) {
  const union = /ErrorCode =([^;]+);/.exec(readFileSync(file, "utf8"))?.[1] ?? "";
  for (const [, code] of union.matchAll(/"([A-Z_]+)"/g)) codes.add(code);
}
const sections = [...readFileSync("docs/errors.md", "utf8").matchAll(/^## ([A-Z_]+)$/gm)].map((match) => match[1]);
for (const code of codes) if (!sections.includes(code)) findings.push(`docs/errors.md: no section for ${code}`);
for (const code of sections) if (!codes.has(code)) findings.push(`docs/errors.md: ${code} is no error code`);

const pages = ["README.md", ...["docs", "packages", "apps", "examples"].flatMap((room) => files(room, /\.md$/))];
for (const page of pages.filter((path) => existsSync(path))) {
  const blocks = readFileSync(page, "utf8").matchAll(/<!-- file: (\S+) -->\n+```\w*\n([^]*?)```/g);
  for (const [, file, block] of blocks) {
    if (!existsSync(file)) findings.push(`${page} shows ${file}, which is not there`);
    else if (readFileSync(file, "utf8") !== block) findings.push(`${page} shows another ${file} than the file`);
  }
}
report("docs", codes.size, "codes", findings);
