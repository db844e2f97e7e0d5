/** The command as its users start it: the built bundle as a child process, misused, interrupted and killed. */
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get as httpGet, type IncomingMessage } from "node:http";
import * as nodeModule from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { EventBus } from "@atomiton/events";
import { webSocketTransport } from "@atomiton/events/node";
import { RuntimeClient } from "@atomiton/runtime/client";
import { libraryContract, runtimeContract } from "@atomiton/runtime/contract";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

const root = new URL("..", import.meta.url).pathname;
const command = join(root, "apps/cli/dist/atomiton.js");
const started = new Set<ChildProcessWithoutNullStreams>();
let folder: string;

const HEAD = `apiVersion: atomiton.dev/v1
kind: Blueprint
`;
const FILES: Readonly<Record<string, string>> = {
  "hello.blueprint.yaml": `${HEAD}id: hello
name: Hello
version: "1.0.0"
inputs:
  name: { type: string, default: world }
  times: { type: integer, default: 1, minimum: 1 }
outputs:
  greeting: { type: any, from: greet.value }
nodes:
  greet:
    uses: core/transform@1
    in: { name: $inputs.name, times: $inputs.times }
    with: { expression: "{ 'text': 'Hello, ' & in.name, 'times': in.times }" }
`,
  "fails.blueprint.yaml": `${HEAD}id: fails
name: Fails
version: "1.0.0"
nodes:
  stop: { uses: core/fail@1, with: { message: The data makes no sense, code: NONSENSE } }
`,
  "bad.blueprint.yaml": `${HEAD}id: bad
name: Bad
version: "1.0.0"
nodes:
  read: { uses: core/csv.raed@1 }
  log: { uses: core/log@1, in: { value: read.rows, other: nobody.x }, with: { mesage: hello } }
`,
  "group.blueprint.yaml": `${HEAD}id: group
name: Process group
version: "1.0.0"
outputs:
  code: { type: any, from: sleep.code }
nodes:
  sleep:
    uses: core/shell@1
    with:
      script: |
        sleep 300 & echo $! >> pids.txt
        sh -c 'sleep 301 & echo $! >> pids.txt; wait' &
        echo $$ >> pids.txt
        while [ "$(wc -l < pids.txt)" -lt 3 ]; do sleep 0.01; done
        echo ready
        wait
`,
  "chatty.blueprint.yaml": `${HEAD}id: chatty
name: Says something all the time
version: "1.0.0"
outputs:
  code: { type: any, from: talk.code }
nodes:
  talk:
    uses: core/shell@1
    with:
      script: |
        echo $$ >> pids.txt
        echo ready
        while true; do echo more; sleep 0.05; done
`,
  "stubborn.blueprint.yaml": `${HEAD}id: stubborn
name: Ignores SIGTERM
version: "1.0.0"
outputs:
  code: { type: any, from: sleep.code }
nodes:
  sleep:
    uses: core/shell@1
    with:
      script: |
        trap '' TERM INT
        echo $$ >> pids.txt
        echo ready
        while true; do sleep 0.1; done
`,
  "file.blueprint.yaml": `${HEAD}id: file
name: File in, file out
version: "1.0.0"
inputs:
  csv: { type: file }
outputs:
  table: { type: file, from: write.file }
nodes:
  read: { uses: core/csv.read@1, in: { file: $inputs.csv } }
  write: { uses: core/csv.write@1, in: { rows: read.rows }, with: { name: table.csv } }
`,
  "placed.blueprint.yaml": `${HEAD}id: placed
name: File in, file to its place
version: "1.0.0"
inputs:
  csv: { type: file }
outputs:
  table: { type: file, from: write.file }
nodes:
  read: { uses: core/csv.read@1, in: { file: $inputs.csv } }
  write: { uses: core/csv.write@1, in: { rows: read.rows }, with: { path: out/table.csv } }
`,
  "data.csv": "a,b\n1,2\n3,4\n",
};

beforeAll(() => {
  if (!existsSync(command)) throw new Error(`The command is not built: run "npm run build" first (${command})`);
  folder = mkdtempSync(join(tmpdir(), "atomiton-cli-"));
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
});
afterEach(() => {
  for (const child of started) child.kill("SIGKILL");
  rmSync(join(folder, "pids.txt"), { force: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Run {
  readonly child: ChildProcessWithoutNullStreams;
  readonly out: () => string;
  readonly err: () => string;
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
  /** Resolves when the text stands in what was written so far. */
  readonly says: (text: string) => Promise<void>;
}

const start = (...args: string[]): Run => startWith(process.execPath, ...args);

function startWith(node: string, ...args: string[]): Run {
  const child = spawn(node, [command, ...args], { cwd: folder, env: { ...process.env, NO_COLOR: "1" } });
  started.add(child);
  let out = "";
  let err = "";
  const waiting = new Set<() => void>();
  const more = (): void => {
    for (const look of waiting) look();
  };
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
    more();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString();
    more();
  });
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.once("close", (code) => {
      started.delete(child);
      resolve({ code, stdout: out, stderr: err });
      more();
    });
  });
  const says = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if ((out + err).includes(text)) resolve();
        else if (started.has(child)) return;
        else reject(new Error(`It ended without saying "${text}":\n${out}${err}`));
        waiting.delete(look);
      };
      waiting.add(look);
      look();
    });
  return { child, out: () => out, err: () => err, ended, says };
}

/** A zombie runs nothing: it waits for a parent that does not come. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== "linux" || !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

function pids(): number[] {
  return readFileSync(join(folder, "pids.txt"), "utf8").trim().split("\n").map(Number);
}

test("[R-CLI-7] run prints the outputs to stdout, what happens to stderr, and ends with 0", async () => {
  const { code, stdout, stderr } = await start("run", "hello.blueprint.yaml", "-i", "name=you", "--input", "times=3")
    .ended;
  expect(JSON.parse(stdout)).toEqual({ greeting: { text: "Hello, you", times: 3 } });
  expect(stderr).toContain("completed 1 node in");
  expect(stderr).not.toContain("\u001b");
  expect(code).toBe(0);
});

test("[R-CLI-7] inputs come from a file or stdin, and --input wins", async () => {
  writeFileSync(join(folder, "in.json"), '{"name": "file", "times": 2}');
  const fromFile = await start("run", "hello.blueprint.yaml", "--input-file", "in.json", "-i", "times=9").ended;
  expect(JSON.parse(fromFile.stdout)).toEqual({ greeting: { text: "Hello, file", times: 9 } });
  const piped = start("run", "hello.blueprint.yaml", "--input-file", "-");
  piped.child.stdin.end('{"name": "stdin"}');
  expect(JSON.parse((await piped.ended).stdout)).toEqual({ greeting: { text: "Hello, stdin", times: 1 } });
});

test("[R-CLI-8] --json prints the runtime's events, one a line, as the contract has them, and nothing else", async () => {
  const { code, stdout, stderr } = await start("run", "hello.blueprint.yaml", "--json").ended;
  const messages = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { type: keyof typeof runtimeContract.table; data: unknown });
  for (const { type, data } of messages) {
    const entry = runtimeContract.table[type];
    const issues = "payload" in entry ? await entry.payload["~standard"].validate(data) : { issues: ["no event"] };
    expect(issues, type).not.toHaveProperty("issues");
  }
  expect(messages[0]?.type).toBe("runtime:started");
  expect(messages.at(-1)).toMatchObject({
    type: "runtime:completed",
    data: { result: { greeting: { text: "Hello, world", times: 1 } } },
  });
  expect(stderr).toBe("");
  expect(code).toBe(0);
});

test("[R-CLI-9] a failing Blueprint ends with 1 and says where and why", async () => {
  const { code, stdout, stderr } = await start("run", "fails.blueprint.yaml").ended;
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/failed NONSENSE: .*The data makes no sense/);
  const json = await start("run", "fails.blueprint.yaml", "--json").ended;
  expect(JSON.parse(json.stdout.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({
    type: "runtime:error",
    data: { terminal: true, state: "failed" },
  });
  expect(json.code).toBe(1);
});

test.each([
  [["run", "bad.blueprint.yaml"], /bad.blueprint.yaml:7:\d+ error UNKNOWN_NODE_TYPE .*csv.read/],
  [["run", "nowhere.blueprint.yaml"], /Cannot read "nowhere.blueprint.yaml": there is no such file/],
  [["run", "hello.yaml"], /there is no such file; did you mean "hello.blueprint.yaml"\?/],
  [["run", "."], /Cannot read ".": it is a folder; name a file in it: bad.blueprint.yaml/],
  [["run", "hello.blueprint.yaml", "-i", "=x"], /it names no input; write --input NAME=x/],
  [["run", "hello.blueprint.yaml", "-i", "times=x", "-i", "nmae=y"], /times="x"[^]*no such input/],
  [["run", "data.csv"], /such files end in .blueprint.yaml/],
  [["run", "hello.blueprint.yaml", "-i", "nmae=x"], /no such input; its inputs are name, times/],
  [["run", "hello.blueprint.yaml", "-i", "times=x"], /it is not a number/],
  [["run", "hello.blueprint.yaml", "-i", "times=0"], /times/],
  [["run", "hello.blueprint.yaml", "--input-file", "none.json"], /Cannot read inputs from "none.json"/],
  [["run", "hello.blueprint.yaml", "--nodes", "./none.mjs"], /Cannot load nodes from ".\/none.mjs"/],
  [["run", "hello.blueprint.yaml", "--nodes", "./data.csv"], /Cannot load nodes from/],
  [["run", "hello.blueprint.yaml", "--concurrency", "0"], /not a whole number from 1/],
  [["run"], /missing required argument 'file'/],
  [["run", "hello.blueprint.yaml", "--jsno"], /unknown option '--jsno'[^]*--json/],
  [["rnu"], /unknown command 'rnu'[^]*run/],
  [["serve", "--dir", "nowhere"], /Cannot serve "nowhere": it is no folder/],
  [["serve", "--port", "70000"], /not a whole number from 0 to 65535/],
  [["serve", "--start", "nothing"], /nothing/],
  [["nodes", "core/nothing"], /Cannot document "core\/nothing"/],
])("[R-CLI-10] %j ends with 2 and says the way out on stderr", async (args, message) => {
  const { code, stdout, stderr } = await start(...args).ended;
  expect(stderr).toMatch(message);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
});

test("[R-CLI-11] Ctrl-C cancels: exit 130, and no process of the run is left, grandchildren included", async () => {
  const run = start("run", "group.blueprint.yaml");
  await run.says("ready");
  run.child.kill("SIGINT");
  const { code, stderr } = await run.ended;
  expect(code).toBe(130);
  expect(stderr).toMatch(/^cancelled by Ctrl-C$/m);
  expect(pids()).toHaveLength(3);
  expect(pids().filter(isAlive)).toEqual([]);
});

test("[R-CLI-11] with --json Ctrl-C ends the events with a terminal error of state cancelled", async () => {
  const run = start("run", "group.blueprint.yaml", "--json");
  await run.says('"message":"ready"');
  run.child.kill("SIGINT");
  const { code, stdout } = await run.ended;
  expect(code).toBe(130);
  const last = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as unknown;
  expect(last).toMatchObject({
    type: "runtime:error",
    data: { terminal: true, state: "cancelled", error: "cancelled by Ctrl-C" },
  });
  expect(pids().filter(isAlive)).toEqual([]);
});

test("[R-CLI-12] a second Ctrl-C kills what ignores the first", async () => {
  const run = start("run", "stubborn.blueprint.yaml");
  await run.says("ready");
  const before = performance.now();
  run.child.kill("SIGINT");
  await run.says("once more kills");
  run.child.kill("SIGINT");
  expect((await run.ended).code).toBe(130);
  // Sooner than the grace of five seconds that one Ctrl-C gives.
  expect(performance.now() - before).toBeLessThan(4_500);
  expect(pids().filter(isAlive)).toEqual([]);
});

test("[R-CLI-13] a polite kill cancels as well: exit 143, nothing left", async () => {
  const run = start("run", "group.blueprint.yaml");
  await run.says("ready");
  run.child.kill("SIGTERM");
  const { code, stderr } = await run.ended;
  expect(code).toBe(143);
  expect(stderr).toMatch(/^cancelled by SIGTERM$/m);
  expect(pids().filter(isAlive)).toEqual([]);
});

test("[R-CLI-14] when nobody reads the output any more the run is cancelled", async () => {
  const run = start("run", "chatty.blueprint.yaml", "--json");
  await run.says('"message":"ready"');
  // The next event finds the pipe closed.
  run.child.stdout.destroy();
  expect((await run.ended).code).toBe(141);
  expect(pids()).toHaveLength(1);
  expect(pids().filter(isAlive)).toEqual([]);
});

test("[R-CLI-15] validate reports every problem of every file and ends with 2, or with 0", async () => {
  const bad = await start("validate", "bad.blueprint.yaml", "hello.blueprint.yaml").ended;
  const lines = bad.stdout.trimEnd().split("\n");
  expect(lines.slice(0, -1).every((line) => /^bad.blueprint.yaml:\d+:\d+ (error|warning) [A-Z_]+ \S/.test(line))).toBe(
    true,
  );
  expect(lines.at(-1)).toMatch(/^2 files: \d+ errors, \d+ warnings?$/);
  expect(bad.code).toBe(2);
  const json = await start("validate", "--json", "bad.blueprint.yaml").ended;
  expect(JSON.parse(json.stdout)).toHaveLength(lines.length - 1);
  expect(json.code).toBe(2);
  const good = await start("validate", "hello.blueprint.yaml").ended;
  expect(good).toMatchObject({ code: 0, stdout: "1 file: no problems\n" });
});

test("[R-CLI-16] nodes lists node types and documents one, the user's own included", async () => {
  const list = await start("nodes").ended;
  expect(list.stdout).toMatch(/core\/csv.read@1\.\d+\.\d+ +read +\S/);
  const one = await start("nodes", "core/csv.read").ended;
  expect(one.stdout).toMatch(
    /Inputs[^]*file +file [^]*Outputs\n +rows +stream<object> +The rows[^]*Configuration[^]*header +boolean or list of string +default true[^]*delimiter +string +default ","/,
  );
  const json = await start("nodes", "core/csv.read@1", "--json").ended;
  expect(JSON.parse(json.stdout)).toMatchObject({ type: "core/csv.read", effect: "read" });
  expect(one.stdout).toMatch(/In a file\n +read:\n +uses: core\/csv.read@1\n +in: /);
  // Of a package that is installed when needed.
  expect(list.stdout).toMatch(/not installed[^]*core\/image\.\* +npm install @atomiton\/nodes-image/);
  const missing = await start("nodes", "core/image.resize").ended;
  expect(missing.code).toBe(2);
  expect(missing.stderr).toContain("which is not installed; run: npm install @atomiton/nodes-image");
  const own = await start("nodes", "acme/words.count", "--nodes", join(root, "examples/custom-node/word-count.ts"))
    .ended;
  expect(own.stdout).toContain("acme/words.count@1.0.0  Count words");
});

test("[R-CLI-17] --out saves outputs that are files; without it the run says where they stand, or that they are not kept", async () => {
  const kept = await start("run", "file.blueprint.yaml", "-i", "csv=data.csv", "--out", "saved").ended;
  const { table } = JSON.parse(kept.stdout) as { table: { file: string; size: number } };
  expect(readFileSync(table.file, "utf8").replaceAll("\r\n", "\n")).toBe("a,b\n1,2\n3,4\n");
  const lost = await start("run", "file.blueprint.yaml", "-i", "csv=data.csv").ended;
  expect(lost.stderr).toContain("--out DIR saves it");
  const placed = await start("run", "placed.blueprint.yaml", "-i", "csv=data.csv").ended;
  expect(placed.stderr).toMatch(/^The output "table" is a file of 12 B: out\/table\.csv$/m);
  expect(readFileSync(join(folder, "out/table.csv"), "utf8")).toBe("a,b\n1,2\n3,4\n");
  expect([kept.code, lost.code, placed.code]).toEqual([0, 0, 0]);
});

test.each([[[]], [["run"]], [["validate"]], [["serve"]], [["nodes"]]])(
  "[R-CLI-18] %j --help has examples and ends with 0",
  async (args) => {
    const { code, stdout } = await start(...args, "--help").ended;
    expect(stdout).toMatch(/Usage: atomiton[^]*Examples:\n {2}atomiton /);
    expect(code).toBe(0);
  },
);

async function serve(...args: string[]): Promise<Run & { address: URL; token: string }> {
  const run = start("serve", "--dir", ".", "--port", "0", ...args);
  await run.says("Studio: ");
  await run.says("\n");
  const address = new URL(/http:\/\/\S+/.exec(run.out())?.[0] ?? "");
  return { ...run, address, token: new URLSearchParams(address.hash.slice(1)).get("token") ?? "" };
}

/** Not fetch: it does not let anybody choose Host and Origin. */
function fetchAs(address: URL, path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    httpGet({ host: address.hostname, port: address.port, path, headers }, (response) => {
      response.resume();
      resolve(response);
    }).once("error", reject);
  });
}

test("[R-CLI-19] serve prints an address with a token in its fragment and gives the page with security headers", async () => {
  const { address, token, child, ended } = await serve("--start", "hello.blueprint.yaml");
  expect(address.hostname).toBe("127.0.0.1");
  expect(token).toMatch(/^[\w-]{43}$/);
  expect(Object.fromEntries(new URLSearchParams(address.hash.slice(1)))).toMatchObject({ open: "hello", run: "1" });
  const page = await fetchAs(address, "/");
  expect(page.statusCode).toBe(200);
  expect(page.headers).toMatchObject({
    "content-type": expect.stringContaining("text/html"),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "content-security-policy": expect.stringMatching(/default-src 'none'.*script-src 'self'.*frame-ancestors 'none'/),
  });
  expect((await fetchAs(address, "/../../package.json")).statusCode).toBe(404);
  expect((await fetchAs(address, "/%2e%2e/%2e%2e/package.json")).statusCode).toBe(404);
  child.kill("SIGINT");
  expect((await ended).code).toBe(0);
});

test("[R-CLI-20] serve answers no foreign Host or Origin, and gives blobs only with the token", async () => {
  const { address, token } = await serve();
  const own = `http://127.0.0.1:${address.port}`;
  const blob = `/blobs/sha256:${"0".repeat(64)}`;
  const status = async (path: string, headers: Record<string, string>) =>
    (await fetchAs(address, path, headers)).statusCode;
  expect(await status("/", { host: "evil.example" })).toBe(421);
  expect(await status("/", { host: `evil.example:${address.port}` })).toBe(421);
  expect(await status("/", { host: `localhost:${address.port}` })).toBe(200);
  expect(await status("/", { origin: "https://evil.example" })).toBe(403);
  expect(await status("/", { origin: "null" })).toBe(403);
  expect(await status("/", { origin: own })).toBe(200);
  expect(await status(blob, {})).toBe(401);
  expect(await status(blob, { authorization: "Bearer wrong" })).toBe(401);
  expect(await status(blob, { authorization: `Bearer ${token}` })).toBe(404);
  expect(await status("/blobs/..%2f..%2fetc%2fpasswd", { authorization: `Bearer ${token}` })).toBe(400);
});

test("[R-CLI-21] the bus needs the token, and no page of another site opens it", async () => {
  const { address, token } = await serve();
  const upgrade = (headers: Record<string, string>) =>
    fetchAs(address, "/bus", {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      ...headers,
    });
  expect((await upgrade({})).statusCode).toBe(401);
  expect((await upgrade({ origin: "https://evil.example" })).statusCode).toBe(403);
  expect((await upgrade({ host: "evil.example" })).statusCode).toBe(403);

  const bus = new EventBus({
    contracts: [runtimeContract, libraryContract],
    role: "ui",
    connect: false,
    onError: () => {},
  });
  try {
    const refused = bus.connect(webSocketTransport(`ws://${address.host}/bus`, { token: "wrong" }));
    await expect(refused.ready).rejects.toMatchObject({ code: expect.stringMatching(/^[A-Z_]+$/) });
    await bus.connect(webSocketTransport(`ws://${address.host}/bus`, { token })).ready;
    expect(await new RuntimeClient(bus).executeBlueprint("hello", { name: "socket" })).toEqual({
      greeting: { text: "Hello, socket", times: 1 },
    });
  } finally {
    await bus.close();
  }
});

test("[R-CLI-22] serve told to end cancels what runs, tells its clients, and leaves no process", async () => {
  const { address, token, child, ended } = await serve();
  const bus = new EventBus({
    contracts: [runtimeContract, libraryContract],
    role: "ui",
    connect: false,
    onError: () => {},
  });
  try {
    await bus.connect(webSocketTransport(`ws://${address.host}/bus`, { token })).ready;
    const execution = new RuntimeClient(bus).execute({ blueprintId: "group" });
    await new Promise<void>((ready) => {
      execution.on(({ type, data }) => type === "runtime:log" && data.message === "ready" && ready());
    });
    child.kill("SIGTERM");
    await expect(execution).rejects.toMatchObject({
      code: "CANCELLED",
      message: expect.stringContaining("the host was stopped (SIGTERM)"),
    });
    expect((await ended).code).toBe(0);
    expect(pids().filter(isAlive)).toEqual([]);
  } finally {
    await bus.close();
  }
});

test("[R-CLI-23] a port that is taken is said so, with the way out", async () => {
  const taken = createServer();
  const port = await new Promise<number>((listening) => {
    taken.listen(0, "127.0.0.1", () => listening((taken.address() as { port: number }).port));
  });
  try {
    const { code, stderr } = await start("serve", "--port", String(port)).ended;
    expect(stderr).toContain(`Cannot listen on 127.0.0.1:${port}: the port is taken; choose another with --port`);
    expect(code).toBe(2);
  } finally {
    taken.close();
  }
});

/** The Node that people have beside the one that runs these tests, if there is one. */
const olderNode = ["/usr/bin/node", "/usr/local/bin/node"].find(
  (path) => existsSync(path) && spawnSync(path, ["--version"]).stdout.toString().startsWith("v20."),
);

test("[R-CLI-28] a node of one's own runs from the command as its page says, in JavaScript and TypeScript", async () => {
  const own = join(root, "examples/custom-node");
  const page = readFileSync(join(own, "README.md"), "utf8");
  writeFileSync(join(folder, "words.blueprint.yaml"), /```yaml\n([^]*?)```/.exec(page)?.[1] ?? "");
  writeFileSync(join(folder, "some.txt"), "the cat, the dog and the bird and a mouse");
  const words = (file: string, node?: string) =>
    startWith(
      node ?? process.execPath,
      "run",
      "words.blueprint.yaml",
      "-i",
      "text=some.txt",
      "--nodes",
      join(own, file),
    );
  for (const node of [process.execPath, ...(olderNode === undefined ? [] : [olderNode])]) {
    const { code, stdout, stderr } = await words("word-count.mjs", node).ended;
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      total: 10,
      top: [{ word: "the", count: 3 }, { word: "and", count: 2 }, {}],
    });
  }
  expect((await words("word-count.ts").ended).code).toBe(0);
  // The two are one: only types and line ends differ.
  const bare = (text: string) => text.replace(/\s+/g, "").replaceAll(",)", ")").replaceAll(",}", "}");
  const { stripTypeScriptTypes } = nodeModule as unknown as { stripTypeScriptTypes: (source: string) => string };
  const types = stripTypeScriptTypes(readFileSync(join(own, "word-count.ts"), "utf8"));
  expect(bare(readFileSync(join(own, "word-count.mjs"), "utf8"))).toBe(bare(types));
});

test("[R-CLI-28] TypeScript that this Node does not run is refused with the way out", async () => {
  const module = join(root, "examples/custom-node/word-count.ts");
  const args = ["nodes", "--nodes", module];
  // The Node of these tests reads TypeScript; told not to, it is as an older one.
  const plain = olderNode === undefined ? [process.execPath, "--no-experimental-strip-types"] : [olderNode];
  const { status, stderr } = spawnSync(plain[0] ?? "", [...plain.slice(1), command, ...args], { cwd: folder });
  expect(stderr.toString()).toMatch(/Node \d+\.\d+\.\d+ runs no TypeScript: compile it and give the \.js/);
  expect(status).toBe(2);
});

test("[R-CLI-35] printed outputs hide secrets as told ones do, large ones too, and are whole", () => {
  const blueprint = `${HEAD}id: leaks
name: Leaks
version: "1.0.0"
secrets: [key]
outputs:
  small: { type: any, from: small.stdout }
  large: { type: any, from: large.value }
nodes:
  small: { uses: core/shell@1, with: { script: 'echo "$KEY"', env: { KEY: "\${ secrets.key }" } } }
  large:
    uses: core/transform@1
    in: { a: small.stdout }
    with: { expression: "$pad('', 1200000, 'x') & in.a" }
`;
  writeFileSync(join(folder, "leaks.blueprint.yaml"), blueprint);
  const env = { ...process.env, ATOMITON_SECRET_key: "s3cr3t-of-mine" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, "run", "leaks.blueprint.yaml"], {
    cwd: folder,
    env,
    encoding: "utf8",
    maxBuffer: 1e8,
  });
  expect(status, stderr).toBe(0);
  expect(stdout.includes("s3cr3t-of-mine")).toBe(false);
  const { small, large } = JSON.parse(stdout) as { small: string; large: string };
  expect(large.length).toBe(1_200_000 + small.length);
  expect(large.endsWith(`x${small}`)).toBe(true);
});
