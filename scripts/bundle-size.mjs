// What a page pays: the built packages bundled for browsers, minified, gzip -9; above its budget, or with a part that it
// does not use, a bundle fails. Schema library and codecs are not counted. `--modules`: where the bytes of the core are.
import { SourceMap } from "node:module";
import { gzipSync } from "node:zlib";

import { rolldown } from "rolldown";

const CORE = `export { command, defineContract, event, EventBus, portTransport } from "@atomiton/events";
export { webSocketTransport } from "@atomiton/events/websocket";`;

/** Budgets in bytes: what was reached, and a little room. Lower them with the code; `--budget=BYTES` tries another one. */
const CORE_BUDGET = Number(process.argv.find((arg) => arg.startsWith("--budget="))?.slice(9) ?? 48_500);
const BUNDLES = [
  {
    name: "the core, MessagePort, WebSocket",
    code: CORE,
    budget: CORE_BUDGET,
    without:
      /\/(codec|large|middleware|pool|testing)\/|\/journal\/(ring|file|recording)|\/bus\/environment|electron-main|compress/,
  },
  {
    name: "a contract alone",
    code: 'export { command, defineContract, event } from "@atomiton/events";',
    budget: 3_000,
    without: /\/(bus|session|transports|wire|journal)\//,
  },
  {
    name: "a port alone",
    code: 'export { portTransport } from "@atomiton/events";',
    budget: 1_200,
    without: /\/(bus|session|journal)\//,
  },
  {
    name: "nothing of it",
    code: 'import * as events from "@atomiton/events"; import * as sockets from "@atomiton/events/websocket";',
    budget: 40,
    without: /./,
  },
];

const ENTRY = new URL("../entry-of-bundle-size.js", import.meta.url).pathname;

async function bundle(code) {
  const entry = {
    name: "entry",
    resolveId: (id) => (id === ENTRY ? id : null),
    load: (id) => (id === ENTRY ? code : null),
  };
  const built = await rolldown({
    input: ENTRY,
    platform: "browser",
    external: ["msgpackr"],
    plugins: [entry],
    onLog: (_level, { message }) => console.error(message),
  });
  const { output } = await built.generate({ format: "es", minify: true, comments: false, sourcemap: true });
  await built.close();
  if (output.filter(({ type }) => type === "chunk").length !== 1) throw new Error("more than one chunk");
  const used = Object.entries(output[0].modules).filter(
    ([id, { renderedLength }]) => id !== ENTRY && renderedLength > 0,
  );
  return { code: output[0].code, map: output[0].map, modules: used.map(([id]) => id) };
}

const gzip = (text) => gzipSync(text, { level: 9 }).length;
const kB = (bytes) => `${(bytes / 1_000).toFixed(1)} kB`.padStart(9);

let isOver = false;
for (const { name, code, budget, without } of BUNDLES) {
  const made = await bundle(code);
  const size = gzip(made.code);
  const unused = made.modules.filter((id) => without.test(id.replace(/.*\/packages\/events\/dist/, "")));
  isOver ||= size > budget || unused.length > 0;
  console.log(
    `${kB(size)} of ${kB(budget)}  ${kB(made.code.length)} minified  ${String(made.modules.length).padStart(3)} modules  ${name}`,
  );
  if (size > budget)
    console.error(`${name}: ${size} bytes, the budget is ${budget}; see where they are with --modules`);
  for (const id of unused) console.error(`${name}: contains ${id}, which it does not use`);
}
if (process.argv.includes("--modules")) printModules(await bundle(CORE));
process.exitCode = isOver ? 1 : 0;

/** By the source map: minified bytes of each module, and the gzip bytes that would go with it. */
function printModules({ code, map }) {
  const sources = new SourceMap(map);
  const owners = code
    .split("\n")
    .flatMap((line, at) =>
      Array.from({ length: line.length + 1 }, (_, column) => sources.findEntry(at, column).originalSource),
    );
  const whole = gzip(code);
  const rows = [...new Set(owners)].map((owner) => {
    const rest = [...code].filter((_, at) => owners[at] !== owner).join("");
    const minified = code.length - rest.length;
    return { source: String(owner).replace(/.*\/events\/(src|dist)\//, ""), minified, share: whole - gzip(rest) };
  });
  console.log("\n| module | minified | gzip that goes with it |\n| --- | ---: | ---: |");
  for (const { source, minified, share } of rows.toSorted((a, b) => b.share - a.share))
    console.log(`| ${source} | ${minified} | ${share} |`);
}
