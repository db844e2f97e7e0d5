/** Files that are wrong, and what must be said about each: `line:column CODE [where] message`. */
import { HEAD } from "./catalog.ts";

export interface BadFile {
  readonly name: string;
  readonly text: string;
  readonly problems: readonly string[];
}

/** Read by the parser. */
export const badYaml: readonly BadFile[] = [
  {
    name: "an empty file",
    text: ``,
    problems: [`1:1 SYNTAX [] Cannot read the file: it is empty; begin with apiVersion: atomiton.dev/v1`],
  },
  {
    name: "a list instead of a map",
    text: `- a
- b
`,
    problems: [`1:1 SCHEMA [] Cannot use a list as the file: expected a map with apiVersion, kind, name and nodes`],
  },
  {
    name: "a text",
    text: `hello`,
    problems: [`1:1 SCHEMA [] Cannot use "hello" as the file: expected a map with apiVersion, kind, name and nodes`],
  },
  {
    name: "broken YAML",
    text: `name: [1, 2
nodes: {}
`,
    problems: [`1:7 SYNTAX [] Cannot read the file: this [ is never closed; write ] where the list ends`],
  },
  {
    name: "a tab as indentation",
    text: `nodes:
	a: {}
`,
    problems: [`2:1 SYNTAX [] Cannot read the file: a tab stands in the indentation; YAML takes spaces only`],
  },
  {
    name: "a map that is not closed",
    text: `nodes:
  a: { uses: test/text@1, with: { text: x }
  b: { uses: test/text@1 }
`,
    problems: [`2:6 SYNTAX [] Cannot read the file: this { is never closed; write } where the map ends`],
  },
  {
    name: "a list that is not closed, in a map",
    text: `nodes:
  a: { uses: test/text@1, after: [b, c }
  b: { uses: test/text@1 }
`,
    problems: [`2:34 SYNTAX [] Cannot read the file: this [ is never closed; write ] where the list ends`],
  },
  {
    name: "a quote that is not closed",
    text: `name: "x
nodes: { a: { uses: "test/text@1" } }
`,
    problems: [`1:7 SYNTAX [] Cannot read the file: this " is never closed; write " where the text ends`],
  },
  {
    name: "a quote that is not closed, in a map",
    text: `nodes:
  a: { uses: test/text@1, with: { text: 'it''s } }
`,
    problems: [`2:41 SYNTAX [] Cannot read the file: this ' is never closed; write ' where the text ends`],
  },
  {
    name: "a text with a colon",
    text: `name: T: the second # not the first
nodes: {}
`,
    problems: [
      `1:7 SYNTAX [] Cannot read the file: this text holds a colon with a space, as a key has it; put it in quotes: "T: the second"`,
    ],
  },
  {
    name: "a line that is indented too deep",
    text: `name: T

  version: "1"
nodes: {}
`,
    problems: [
      `3:3 SYNTAX [] Cannot read the file: this line is indented as if it belonged to the value above; indent the lines of one map alike, or quote the value above`,
    ],
  },
  {
    name: "a line between two indentations",
    text: `nodes:
  a:
    uses: test/text@1
   with: { text: x }
  b: { text: x
`,
    problems: [
      `4:4 SYNTAX [] Cannot read the file: this line is indented by 3, as no line that it could belong to; give it the indentation of its neighbours`,
      "5:6 SYNTAX [] Cannot read the file: this { is never closed; write } where the map ends",
    ],
  },
  {
    name: "tabs and what follows from them",
    text: `nodes:
	a: { uses: x }
	b:
		uses: y
`,
    problems: [
      `2:1 SYNTAX [] Cannot read the file: a tab stands in the indentation; YAML takes spaces only`,
      `3:1 SYNTAX [] Cannot read the file: a tab stands in the indentation; YAML takes spaces only`,
      `4:1 SYNTAX [] Cannot read the file: a tab stands in the indentation; YAML takes spaces only`,
    ],
  },
  {
    name: "a tag that would make code",
    text: `name: !!js/function 'x'
nodes: {}
`,
    problems: [
      `1:7 SYNTAX [] Cannot read the file: the tag !!js/function is not known; write a plain value: a text, a number, true, false, null, a map or a list`,
    ],
  },
  {
    name: "a text that begins with a reserved sign",
    text: `name: @x
nodes: {}
`,
    problems: [`1:7 SYNTAX [] Cannot read the file: a text without quotes may not begin with @; put it in quotes`],
  },
  {
    name: "an expression without quotes in a map",
    text: `nodes:
  a: { uses: test/text@1, when: \${ in.a } }
`,
    problems: [`2:33 SYNTAX [] Cannot read the file: an expression in a map or list needs quotes; write "\${ … }"`],
  },
  {
    name: "a backslash in double quotes",
    text: `name: "C:\\dir"
nodes: {}
`,
    problems: [
      `1:10 SYNTAX [] Cannot read the file: \\d is no escape; in double quotes a backslash is written \\\\, or use single quotes`,
    ],
  },
  {
    name: "a comma that is missing",
    text: `nodes: { a: { uses: x } b: { uses: y } }
`,
    problems: [`1:25 SYNTAX [] Cannot read the file: a comma is missing before this; write "," between`],
  },
  {
    name: "a list where a key was expected",
    text: `name: T
- a
`,
    problems: [`2:1 SYNTAX [] Cannot read the file: a list begins where a key was expected; write it under its key`],
  },
  {
    name: "a key without its space",
    text: `name:T
nodes: {}
`,
    problems: [`1:1 SYNTAX [] Cannot read the file: a space is missing behind "name:"; write name: T`],
  },
  {
    name: "a line without a key",
    text: `name T
nodes: {}
`,
    problems: [
      `1:1 SYNTAX [] Cannot read the file: expected key: value; write a colon and a space, or indent a text that goes on deeper`,
    ],
  },
  {
    name: "a bracket too many",
    text: `nodes: { a: { uses: x } } }
`,
    problems: [
      `1:27 SYNTAX [] Cannot read the file: this } closes nothing; remove it, or quote the text that holds it`,
    ],
  },
  {
    name: "a bracket too far left",
    text: `nodes:
  a: {
}
`,
    problems: [`3:1 SYNTAX [] Cannot read the file: this } stands too far left; indent it deeper than its key`],
  },
  {
    name: "two documents",
    text:
      HEAD +
      `
nodes: {}
---
name: Other
`,
    problems: [`6:1 SYNTAX [] Cannot read the file: a second document begins here; a file holds one Blueprint`],
  },
  {
    name: "an unknown tag",
    text:
      HEAD +
      `nodes: {}
description: !shout hey
`,
    problems: [
      `5:14 SYNTAX [] Cannot read the file: the tag !shout is not known; write a plain value: a text, a number, true, false, null, a map or a list`,
    ],
  },
  {
    name: "wrong heads",
    text: `apiVersion: atomiton.dev/v2
kind: Blueprints
name: 7
nodes: {}
`,
    problems: [
      `1:13 SCHEMA [apiVersion] Cannot use "atomiton.dev/v2" as apiVersion: expected "atomiton.dev/v1"`,
      `2:7 SCHEMA [kind] Cannot use "Blueprints" as kind: expected "Blueprint"`,
      `3:7 SCHEMA [name] Cannot use 7 as name: expected a text`,
    ],
  },
  {
    name: "a version that YAML takes for a number",
    text:
      HEAD +
      `version: 1.10
nodes: {}
`,
    problems: [
      `4:10 SCHEMA [version] Cannot use 1.1 as version: unquoted, YAML reads it as a number and 1.10 becomes 1.1; put the version in quotes`,
    ],
  },
  {
    name: "a key that stands twice",
    text:
      HEAD +
      `nodes:
  a: { uses: test/text@1 }
  b: { uses: test/text@1 }
  a: { uses: test/text@1 }
`,
    problems: [`7:3 SYNTAX [] Cannot read the key "a": it stands here twice; remove or rename one`],
  },
  {
    name: "unknown keys, near and far",
    text:
      HEAD +
      `nods: {}
nodes:
  a: { uses: test/text@1, wiht: {}, zebra: 1 }
  b: { uses: test/text@1, retry: { attempt: 3 } }
policy: { concurency: 2 }
`,
    problems: [
      `4:1 UNKNOWN_KEY [nods] Cannot use the key "nods" in the file: it is not one of its keys; did you mean "nodes"?`,
      `6:27 UNKNOWN_KEY [nodes.a.wiht] Cannot use the key "wiht" in nodes.a: it is not one of its keys; did you mean "with"?`,
      `6:37 UNKNOWN_KEY [nodes.a.zebra] Cannot use the key "zebra" in nodes.a: it is not one of its keys; use one of uses, in, with, when, after, timeout, retry, effect, idempotencyKey, onUnknown, description, title, and 1 more`,
      `7:27 SCHEMA [nodes.b.retry.attempts] Cannot read nodes.b.retry: "attempts" is missing; expected a whole number from 1 to 1000, the first attempt included`,
      `7:36 UNKNOWN_KEY [nodes.b.retry.attempt] Cannot use the key "attempt" in nodes.b.retry: it is not one of its keys; did you mean "attempts"?`,
      `8:11 UNKNOWN_KEY [policy.concurency] Cannot use the key "concurency" in policy: it is not one of its keys; did you mean "concurrency"?`,
    ],
  },
  {
    name: "a node id that no reference could name",
    text:
      HEAD +
      `nodes:
  1st: { uses: test/text@1 }
  a.b: { uses: test/text@1 }
`,
    problems: [
      `5:3 SCHEMA [nodes.1st] Cannot use "1st" as a name in nodes: expected a node id: a letter, then letters, digits, _ and -`,
      `6:3 SCHEMA [nodes.a.b] Cannot use "a.b" as a name in nodes: expected a node id: a letter, then letters, digits, _ and -`,
    ],
  },
  {
    name: "uses without a major, and with nonsense",
    text:
      HEAD +
      `nodes:
  a: { uses: test/text }
  b: { uses: text@1 }
  c: { uses: ../other.yaml }
  d: {}
`,
    problems: [
      `5:14 SCHEMA [nodes.a.uses] Cannot use "test/text" as nodes.a.uses: it lacks the major version; write test/text@1`,
      `6:14 SCHEMA [nodes.b.uses] Cannot use "text@1" as nodes.b.uses: expected core/name@1, or a path such as ./other.blueprint.yaml`,
      `7:14 SCHEMA [nodes.c.uses] Cannot use "../other.yaml" as nodes.c.uses: expected core/name@1, or a path such as ./other.blueprint.yaml`,
      `8:3 SCHEMA [nodes.d.uses] Cannot read nodes.d: "uses" is missing; expected core/name@1, or a path such as ./other.blueprint.yaml`,
    ],
  },
  {
    name: "wires that are constants or nonsense",
    text:
      HEAD +
      `nodes:
  a:
    uses: test/text@1
    in:
      text: 3
      more: hello
      list: [a.text, b]
      none: []
`,
    problems: [
      `8:13 SCHEMA [nodes.a.in.text] Cannot use 3 as nodes.a.in.text: expected a reference (node.port, $inputs.port, $item, $index, $key), or on a multi port a list of them; constants belong in \`with\``,
      `9:13 SCHEMA [nodes.a.in.more] Cannot use "hello" as nodes.a.in.more: expected a reference: node.port, $inputs.port, $item, $index or $key`,
      `10:22 SCHEMA [nodes.a.in.list[1]] Cannot use "b" as nodes.a.in.list[1]: expected a reference: node.port, $inputs.port, $item, $index or $key`,
      `11:13 SCHEMA [nodes.a.in.none] Cannot use a list as nodes.a.in.none: expected a list that is not empty`,
    ],
  },
  {
    name: "durations without a unit",
    text:
      HEAD +
      `policy: { timeout: 30 }
nodes:
  a: { uses: test/text@1, timeout: 1 minute, retry: { attempts: 0, initial: 5 } }
  b: { uses: test/text@1, timeout: 30d }
`,
    problems: [
      `4:20 SCHEMA [policy.timeout] Cannot use 30 as policy.timeout: a duration needs its unit; write 30s or 30ms`,
      `6:36 SCHEMA [nodes.a.timeout] Cannot use "1 minute" as nodes.a.timeout: expected a duration such as 500ms, 20s, 30m or 24h`,
      `6:65 SCHEMA [nodes.a.retry.attempts] Cannot use 0 as nodes.a.retry.attempts: expected a whole number from 1 to 1000, the first attempt included`,
      `6:77 SCHEMA [nodes.a.retry.initial] Cannot use 5 as nodes.a.retry.initial: expected a duration such as 500ms, 20s, 30m or 24h`,
    ],
  },
  {
    name: "a condition that is no expression",
    text:
      HEAD +
      `nodes:
  a: { uses: test/text@1, when: in.ok }
  b: { uses: test/text@1, when: true }
`,
    problems: [
      `5:33 SCHEMA [nodes.a.when] Cannot use "in.ok" as nodes.a.when: expected one expression; write "\${ in.ok }"`,
      `6:33 SCHEMA [nodes.b.when] Cannot use true as nodes.b.when: expected one expression, such as "\${ in.ok }"`,
    ],
  },
  {
    name: "types that are none",
    text:
      HEAD +
      `inputs:
  a: { type: strin }
  b: { type: list<text> }
  c: { type: '#rwo' }
  d: {}
  e-f: { type: string }
types:
  row: { type: object }
nodes: {}
`,
    problems: [
      `5:14 SCHEMA [inputs.a.type] Cannot use "strin" as inputs.a.type: expected a port type: string, number, integer, boolean, json, file, bytes, any, object, list<T>, stream<T>, #name, or a JSON Schema`,
      `6:14 SCHEMA [inputs.b.type] Cannot use "list<text>" as inputs.b.type: expected a port type: string, number, integer, boolean, json, file, bytes, any, object, list<T>, stream<T>, #name, or a JSON Schema`,
      `8:3 SCHEMA [inputs.d.type] Cannot read inputs.d: "type" is missing; expected a port type: string, number, integer, boolean, json, file, bytes, any, object, list<T>, stream<T>, #name, or a JSON Schema`,
      `9:3 SCHEMA [inputs.e-f] Cannot use "e-f" as a name in inputs: expected a name: a letter, then letters, digits and _`,
    ],
  },
  {
    name: "outputs from nowhere",
    text:
      HEAD +
      `outputs:
  a: { from: x }
  b: { type: string }
nodes: {}
`,
    problems: [
      `5:14 SCHEMA [outputs.a.from] Cannot use "x" as outputs.a.from: expected a reference: node.port, $inputs.port, $item, $index or $key`,
      `6:3 SCHEMA [outputs.b.from] Cannot read outputs.b: "from" is missing; expected a reference: node.port, $inputs.port, $item, $index or $key`,
    ],
  },
  {
    name: "an effect, a policy and a position that are none",
    text:
      HEAD +
      `policy: { onFailure: stop }
nodes:
  a: { uses: test/text@1, effect: strong, after: 3 }
ui:
  a: [1]
`,
    problems: [
      `4:22 SCHEMA [policy.onFailure] Cannot use "stop" as policy.onFailure: expected "cancel" or "drain"`,
      `6:35 SCHEMA [nodes.a.effect] Cannot use "strong" as nodes.a.effect: expected "pure" or "read" or "idempotent" or "write"`,
      `6:50 SCHEMA [nodes.a.after] Cannot use 3 as nodes.a.after: expected a node id, node.port, or a list of them`,
      `8:6 SCHEMA [ui.a] Cannot use a list as ui.a: expected [x, y], two numbers`,
    ],
  },
  {
    name: "the reserved key",
    text:
      HEAD +
      `nodes:
  __proto__: { uses: test/text@1 }
  a: { uses: test/text@1, with: { __proto__: { x: 1 } } }
`,
    problems: [
      `5:3 SYNTAX [] Cannot use the key "__proto__": it is reserved; rename it`,
      `6:35 SYNTAX [] Cannot use the key "__proto__": it is reserved; rename it`,
    ],
  },
  {
    name: "an alias bomb",
    text:
      HEAD +
      `description: x
nodes: {}
secrets:
  - &a [x,x,x,x,x,x,x,x,x]
  - &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]
  - &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]
  - &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]
  - &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]
  - &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]
`,
    problems: [
      `12:9 SYNTAX [] Cannot read the file: its aliases stand for more than 100000 values; write the values out`,
    ],
  },
  {
    name: "an alias of itself",
    text:
      HEAD +
      `nodes:
  a: { uses: test/text@1, with: &w { deep: *w } }
`,
    problems: [`5:44 SYNTAX [] Cannot read *w: it stands inside the value that it repeats`],
  },
  {
    name: "an alias of nothing",
    text:
      HEAD +
      `nodes:
  a: { uses: test/text@1, with: *nobody }
`,
    problems: [`5:33 SYNTAX [] Cannot read *nobody: no value above is named &nobody`],
  },
  {
    name: "numbers that JSON lacks",
    text:
      HEAD +
      `nodes:
  a: { uses: test/text@1, with: { times: .inf } }
`,
    problems: [`5:42 SYNTAX [] Cannot use Infinity as a value: JSON has no word for it; quote it or use a number`],
  },
  {
    name: "a position for nobody (a warning)",
    text:
      HEAD +
      `nodes:
  first: { uses: test/text@1 }
ui: { frist: [0, 0] }
`,
    problems: [`6:7 warning UNKNOWN_NODE [ui.frist] Cannot place "frist": no node has this id; did you mean "first"?`],
  },
];

/** Read by the parser, as JSON. */
export const badJson: readonly BadFile[] = [
  {
    name: "JSON that breaks off",
    text: `{ "apiVersion": "atomiton.dev/v1",
  "kind": `,
    problems: [`2:11 SYNTAX [] Cannot read the file: expected a value, the file ends; close what is still open`],
  },
  {
    name: "JSON with a comma too many",
    text: `{ "apiVersion": "atomiton.dev/v1",
  "nodes": {},
}`,
    problems: [`2:14 SYNTAX [] Cannot read the file: a comma stands before the closing "}"; remove it`],
  },
  {
    name: "JSON with a key twice and one unknown",
    text: `{ "apiVersion": "atomiton.dev/v1", "kind": "Blueprint", "name": "x",
  "nodes": {
    "a": { "uses": "test/text@1" },
    "a": { "uses": "test/text@1", "wiht": {} }
  }
}`,
    problems: [
      `4:5 SYNTAX [] Cannot read the key "a": it stands here twice; remove or rename one`,
      `4:35 UNKNOWN_KEY [nodes.a.wiht] Cannot use the key "wiht" in nodes.a: it is not one of its keys; did you mean "with"?`,
    ],
  },
  {
    name: "JSON with comments",
    text: `// no
{}`,
    problems: [
      `1:1 SYNTAX [] Cannot read the file: expected a value, found "/"; JSON has no comments: remove it, or name the file .blueprint.yaml`,
    ],
  },
  {
    name: "JSON with a comma too many in a list",
    text: `{ "name": [1, 2 , ] }`,
    problems: [`1:17 SYNTAX [] Cannot read the file: a comma stands before the closing "]"; remove it`],
  },
  {
    name: "JSON with two commas",
    text: `{ "name": "x",, "nodes": {} }`,
    problems: [`1:15 SYNTAX [] Cannot read the file: a second comma stands here; remove it`],
  },
  {
    name: "JSON with single quotes",
    text: `{ "name": "x", 'nodes': {} }`,
    problems: [
      `1:16 SYNTAX [] Cannot read the file: expected a key in double quotes, found "'"; put keys and texts in double quotes`,
    ],
  },
  {
    name: "JSON that goes on",
    text: `{} }`,
    problems: [
      `1:4 SYNTAX [] Cannot read the file: expected the end of the file, found "}"; remove what stands behind it, or a bracket too many before it`,
    ],
  },
];

/** Of the right shape; `HEAD` stands before each, so their first line is 4. */
export const badGraphs: readonly BadFile[] = [
  {
    name: "unknown types and majors",
    text: `nodes:
  a: { uses: test/txt@1 }
  b: { uses: test/text@4 }
  c: { uses: acme/thing@1 }
`,
    problems: [
      `5:14 UNKNOWN_NODE_TYPE [nodes.a.uses] Cannot use the node type "test/txt": this host does not have it; did you mean "test/text"?`,
      `6:14 UNKNOWN_NODE_TYPE [nodes.b.uses] Cannot use test/text@4: this host has test/text@1; pin one of these`,
      `7:14 UNKNOWN_NODE_TYPE [nodes.c.uses] Cannot use the node type "acme/thing": this host does not have it; use one of core/blueprint, core/forEach, test/compute, test/merge, test/number, test/rows, test/send, test/switch, test/take, test/text`,
    ],
  },
  {
    name: "wires from nowhere",
    text: `nodes:
  read: { uses: test/rows@1 }
  a: { uses: test/take@1, in: { any: raed.rows } }
  b: { uses: test/take@1, in: { any: read.row } }
  c: { uses: test/take@1, in: { anny: read.rows } }
  d: { uses: test/take@1, in: { any: $inputs.x }, after: [red, read.fil] }
  e: { uses: test/take@1, in: { any: $item } }
outputs:
  out: { from: c.value }
`,
    problems: [
      `6:38 UNKNOWN_NODE [nodes.a.in.any] Cannot read raed.rows: no node "raed" is here; did you mean "read"?`,
      `7:38 UNKNOWN_PORT [nodes.b.in.any] Cannot read read.row: "read" has no output "row"; did you mean "rows"?`,
      `8:33 UNKNOWN_PORT [nodes.c.in.anny] Cannot wire c.anny: the node has no such input; did you mean "any"?`,
      `9:38 UNKNOWN_PORT [nodes.d.in.any] Cannot read $inputs.x: the Blueprint has no such input; declare it under \`inputs\``,
      `9:59 UNKNOWN_NODE [nodes.d.after] Cannot run "d" after red: no node "red" is here; did you mean "read"?`,
      `9:64 UNKNOWN_PORT [nodes.d.after] Cannot run "d" after read.fil: "read" has no output "fil"; did you mean "file"?`,
      `10:38 UNKNOWN_PORT [nodes.e.in.any] Cannot read $item: it exists only in the body of a loop node; use node.port or $inputs.port`,
      `12:16 UNKNOWN_PORT [outputs.out.from] Cannot read c.value: "c" has no output "value"; use one of error`,
    ],
  },
  {
    name: "wires of the wrong type",
    text: `inputs:
  word: { type: string }
  rows: { type: 'list<#row>' }
types:
  row: { type: object }
nodes:
  a: { uses: test/number@1, in: { value: $inputs.word }, with: { factor: 1 } }
  b: { uses: test/rows@1 }
  c: { uses: test/take@1, in: { list: b.rows } }
  d: { uses: test/take@1, in: { rows: b.list, any: b.rows, list: $inputs.rows } }
  e: { uses: test/take@1, in: { file: a.value } }
outputs:
  n: { type: string, from: a.value }
`,
    problems: [
      `10:42 PORT_TYPE [nodes.a.in.value] Cannot wire $inputs.word to a.value: it gives string, the port takes number; change one of the types, or put core/transform between them`,
      `12:39 PORT_TYPE [nodes.c.in.list] Cannot wire b.rows to c.list: it gives stream<object>, the port takes list<object>; a list is held in memory whole, so it is asked for: put core/collect between them`,
      `14:39 PORT_TYPE [nodes.e.in.file] Cannot wire a.value to e.file: it gives number, the port takes file; change one of the types, or put core/transform between them`,
      `16:28 PORT_TYPE [outputs.n.from] Cannot wire a.value to the output "n": it gives number, the port takes string; change one of the types, or put core/transform between them`,
    ],
  },
  {
    name: "a list where one wire fits",
    text: `nodes:
  a: { uses: test/text@1 }
  b: { uses: test/text@1, in: { text: [a.text, a.text] } }
  c: { uses: test/merge@1, in: { items: [a.text, b.length], names: [a.text, b.length] } }
  d: { uses: test/take@1, in: { any: c.value } }
`,
    problems: [
      `6:33 NOT_MULTI [nodes.b.in.text] Cannot wire 2 sources to b.text: it takes one; join them with core/merge first`,
      `7:77 PORT_TYPE [nodes.c.in.names] Cannot wire b.length to c.names: it gives integer, the port takes string; change one of the types, or put core/transform between them`,
    ],
  },
  {
    name: "inputs that are missing",
    text: `nodes:
  a: { uses: test/number@1, with: { factor: 2 } }
  b: { uses: test/merge@1, in: { names: a.value } }
  c: { uses: test/take@1, in: { any: b.value } }
`,
    problems: [
      `5:3 MISSING_INPUT [nodes.a.in.value] Cannot run "a": its input "value" (number) is not wired; write in: { value: node.port }`,
      `6:32 MISSING_INPUT [nodes.b.in.items] Cannot run "b": its input "items" (any) is not wired; write in: { items: node.port }`,
      `6:41 PORT_TYPE [nodes.b.in.names] Cannot wire a.value to b.names: it gives number, the port takes string; change one of the types, or put core/transform between them`,
    ],
  },
  {
    name: "inputs whose names are mistyped",
    text: `nodes:
  n: { uses: test/text@1 }
  a: { uses: test/number@1, in: { vlaue: n.length }, with: { factor: 2 } }
  l: { uses: core/forEach@1, in: { itmes: n.text }, body: { nodes: { t: { uses: test/text@1 } }, outputs: { o: t.text } } }
  s: { uses: test/send@1, in: { bodi: n.text }, with: { url: abc } }
  u: { uses: test/send@1, in: { bodi: n.text }, with: { url: "\${ in.bodi }" } }
  x: { uses: test/send@1, in: { other: n.text }, with: { url: abc } }
  c: { uses: test/take@1, in: { any: a.value } }
  d: { uses: test/take@1, in: { any: l.results } }
`,
    problems: [
      `6:35 UNKNOWN_PORT [nodes.a.in.vlaue] Cannot wire a.vlaue: the node has no such input; did you mean "value"?`,
      `7:36 MISSING_INPUT [nodes.l.in.itmes] Cannot run "l": its input "items" (stream<any>) is not wired, but "itmes" is; did you mean "items"?`,
      `8:33 warning UNKNOWN_PORT [nodes.s.in.bodi] The wire "bodi" of "s" has no use: nothing there reads it; did you mean its input "body" (any)?`,
    ],
  },
  {
    name: "rings",
    text: `nodes:
  start: { uses: test/text@1 }
  a: { uses: test/text@1, in: { text: c.text } }
  b: { uses: test/text@1, in: { text: a.text } }
  c: { uses: test/text@1, in: { text: b.text }, after: start }
  d: { uses: test/text@1, in: { text: c.text } }
  self: { uses: test/text@1, after: self }
`,
    problems: [
      `6:3 CYCLE [nodes.a] Cannot order the nodes: a → b → c → a is a ring; remove one of its wires, or use a loop node`,
      `9:3 warning UNUSED_NODE [nodes.d] The node "d" has no use: it changes nothing and nothing takes its outputs; wire one of them, or remove it`,
      `10:3 CYCLE [nodes.self] Cannot order the nodes: self → self is a ring; remove one of its wires, or use a loop node`,
    ],
  },
  {
    name: "configuration",
    text: `nodes:
  a: { uses: test/text@1, with: { prefx: x, times: 0 } }
  b: { uses: test/number@1, in: { value: a.length } }
  c: { uses: test/number@1, in: { value: a.length }, with: { factor: '\${ in.value }', other: 1 } }
  d: { uses: test/text@1, with: { times: '\${ 3 }', prefix: 7, deep: { label: '\${ 1 }' } } }
  e: { uses: test/text@1, with: { deep: { labl: x } } }
  f: { uses: test/switch@1, in: { value: a.text }, with: { cases: 3 } }
  z: { uses: test/take@1, in: { any: b.value }, after: [c, d, e] }
`,
    problems: [
      `5:42 CONFIG [nodes.a.with.prefx] Cannot configure "a" with "prefx": test/text has no such key; did you mean "prefix"?`,
      `5:52 CONFIG [nodes.a.with.times] Cannot configure "a" with this "times": Too small: expected number to be >=1; see the configuration of test/text`,
      `6:3 CONFIG [nodes.b.with.factor] Cannot run "b": its configuration lacks "factor" (expected number); see the configuration of test/number`,
      `7:94 CONFIG [nodes.c.with.other] Cannot configure "c" with "other": test/number has no such key; use one of factor`,
      `8:60 CONFIG [nodes.d.with.prefix] Cannot configure "d" with this "prefix": expected string, received number; see the configuration of test/text`,
      `9:41 CONFIG [nodes.e.with.deep.label] Cannot run "e": its configuration lacks "deep.label" (expected string); see the configuration of test/text`,
      `10:3 warning UNUSED_NODE [nodes.f] The node "f" has no use: it changes nothing and nothing takes its outputs; wire one of them, or remove it`,
      `10:67 CONFIG [nodes.f.with.cases] Cannot configure "f" with this "cases": expected record, received number; see the configuration of test/switch`,
    ],
  },
  {
    name: "expressions",
    text: `secrets: [token]
nodes:
  a: { uses: test/text@1 }
  b:
    uses: test/send@1
    in: { body: a.text }
    when: '\${ in.body = a.text }'
    with:
      url: 'https://x/\${ in.body & }'
      headers: { one: '\${ secrets.tokn }', two: '\${ $upercase(in.bdy) }', three: '\${ item.x }', four: 'open \${ in.body', five: '\${ $lookup(secrets, "token") }', six: '\${ in.body[x = in.body] }', fine: '\${ secrets.token & $$.in.body & run.id & $in.body }' }
    idempotencyKey: '\${ bdy }'
  c: { uses: test/send@1, with: { url: abc }, when: '\${ true } and \${ false }' }
  d: { uses: test/compute@1, in: { rate: a.length }, with: { expression: 'in.rat * index + secrets.token', template: '{{ any }} \${ thing' } }
  e: { uses: test/switch@1, in: { value: d.value }, with: { cases: { big: 'in.value >' } } }
  f: { uses: test/take@1, in: { any: e.big } }
`,
    problems: [
      `10:11 EXPRESSION [nodes.b.when] Cannot evaluate "in.body = a.text": it does not know "a"; an expression sees no other node: wire it (in: { text: a.text }) and write in.text`,
      `12:12 EXPRESSION [nodes.b.with.url] Cannot read the expression "in.body &": Unexpected end of expression (at character 11); see docs/blueprint.md for what expressions may hold`,
      `13:23 UNKNOWN_SECRET [nodes.b.with.headers.one] Cannot evaluate "secrets.tokn": \`secrets\` does not declare "tokn"; did you mean "token"?`,
      `13:49 UNKNOWN_PORT [nodes.b.with.headers.two] Cannot evaluate "$upercase(in.bdy)": the input "bdy" of "b" is not wired; did you mean "body"?`,
      `13:49 EXPRESSION [nodes.b.with.headers.two] Cannot evaluate "$upercase(in.bdy)": $upercase is neither bound in it nor a function; did you mean "uppercase"?`,
      `13:82 EXPRESSION [nodes.b.with.headers.three] Cannot evaluate "item.x": "item" exists only in the body of a loop node; use in.port`,
      `13:103 EXPRESSION [nodes.b.with.headers.four] Cannot read "\${ in.body": its \${ is not closed; end it with }, or write $\${ for the characters themselves`,
      `13:128 EXPRESSION [nodes.b.with.headers.five] Cannot evaluate "$lookup(secrets, "token")": secrets are read one by one, by name; write secrets.token`,
      `13:167 warning EXPRESSION [nodes.b.with.headers.six] "in.body[x = in.body]" reads "in" as a field of the item at hand; for the scope's own write $in`,
      `14:21 EXPRESSION [nodes.b.idempotencyKey] Cannot evaluate "bdy": it does not know "bdy"; an expression here sees only in, item, index, key, run, secrets, vars; quote it if it is a text`,
      `15:53 EXPRESSION [nodes.c.when] Cannot use "\${ true } and \${ false }" as a condition: it is a text of several parts, which is always true; write one \${ … }`,
      `16:74 EXPRESSION [nodes.d.with.expression] Cannot evaluate "in.rat * index + secrets.token": it does not know "secrets"; an expression here sees only in, run, item, index; quote it if it is a text`,
      `16:74 UNKNOWN_PORT [nodes.d.with.expression] Cannot evaluate "in.rat * index + secrets.token": the input "rat" of "d" is not wired; did you mean "rate"?`,
      `17:68 EXPRESSION [nodes.e.with.cases.big] Cannot read the expression "in.value >": Unexpected end of expression (at character 10); see docs/blueprint.md for what expressions may hold`,
    ],
  },
  {
    name: "weakened effects",
    text: `nodes:
  a: { uses: test/send@1, with: { url: abc }, effect: read }
  b: { uses: test/send@1, with: { url: abc }, effect: idempotent }
  c: { uses: test/send@1, with: { url: abc }, effect: idempotent, idempotencyKey: '\${ run.id }' }
  d: { uses: test/text@1, effect: write }
`,
    problems: [
      `5:3 warning UNUSED_NODE [nodes.a] The node "a" has no use: it changes nothing and nothing takes its outputs; wire one of them, or remove it`,
      `5:55 EFFECT [nodes.a.effect] Cannot weaken the effect of "a" from write to read: the type decides; only a stronger effect may be named, so leave it at write`,
      `6:55 EFFECT [nodes.b.effect] Cannot weaken the effect of "b" from write to idempotent: the type decides; give an idempotencyKey, which makes a second run harmless`,
    ],
  },
  {
    name: "loops",
    text: `inputs:
  rows: { type: list<object> }
  width: { type: integer }
nodes:
  out: { uses: test/text@1 }
  each:
    uses: core/forEach@1
    in: { items: $inputs.rows, w: $inputs.width }
    with: { key: '\${ itm.sku }' }
    body:
      nodes:
        a: { uses: test/text@1, in: { text: out.text } }
        b: { uses: test/number@1, in: { value: $inputs.width }, with: { factor: 1 } }
        c: { uses: test/number@1, in: { value: $inputs.w }, with: { factor: '\${ item.x + index }' } }
        d: { uses: test/number@1, in: { value: $item }, with: { factor: 1 } }
      outputs: { n: c.value, m: b.value, o: d.val, p: $key, q: a.text }
  bare: { uses: core/forEach@1, in: { items: $inputs.rows } }
  odd: { uses: test/text@1, body: { nodes: {} } }
  use: { uses: test/take@1, in: { list: each.results, any: bare.results }, after: odd }
`,
    problems: [
      `8:3 warning UNUSED_NODE [nodes.out] The node "out" has no use: it changes nothing and nothing takes its outputs; wire one of them, or remove it`,
      `12:18 EXPRESSION [nodes.each.with.key] Cannot evaluate "itm.sku": it does not know "itm"; an expression here sees only in, item, index, key, run, secrets, vars; quote it if it is a text`,
      `15:45 UNKNOWN_NODE [nodes.each.body.nodes.a.in.text] Cannot read out.text: no node "out" in this body; a body sees nothing outside; wire out.text into the loop node, and read it here as $inputs.name`,
      `16:48 UNKNOWN_PORT [nodes.each.body.nodes.b.in.value] Cannot read $inputs.width: the loop node has no such wire; use one of items, w`,
      `18:48 PORT_TYPE [nodes.each.body.nodes.d.in.value] Cannot wire $item to d.value: it gives object, the port takes number; change one of the types, or put core/transform between them`,
      `19:45 UNKNOWN_PORT [nodes.each.body.outputs.o] Cannot read d.val: "d" has no output "val"; use one of value, error`,
      `20:3 CONFIG [nodes.bare] Cannot run the loop "bare": it has no body; write body: { nodes: …, outputs: … }`,
      `21:35 CONFIG [nodes.odd.body] Cannot give "odd" a body: test/text is no loop; use core/forEach or core/while, or remove it`,
    ],
  },
  {
    name: "nodes without use (warnings)",
    text: `nodes:
  a: { uses: test/text@1 }
  b: { uses: test/rows@1 }
  c: { uses: test/text@1 }
  d: { uses: test/text@1, after: c }
outputs: { t: { from: d.text } }
`,
    problems: [
      `5:3 warning UNUSED_NODE [nodes.a] The node "a" has no use: it changes nothing and nothing takes its outputs; wire one of them, or remove it`,
      `6:3 warning UNUSED_NODE [nodes.b] The node "b" has no use: it changes nothing and nothing takes its outputs; wire one of them, or remove it`,
    ],
  },
  {
    name: "schemas and defaults",
    text: `inputs:
  n: { type: integer, minimum: 3, default: 1 }
  s: { type: string, pattern: '(' }
  ok: { type: file, default: a.csv }
types:
  good: { type: object, properties: { x: { $ref: '#other' } } }
  other: { type: string }
nodes: {}
`,
    problems: [
      `5:44 SCHEMA [inputs.n.default] Cannot use the default of the input "n": it must be >= 3; change one of the two`,
      `6:3 SCHEMA [inputs.s] Cannot use the schema of the input "s": Invalid regular expression: /(/u: Unterminated group; write JSON Schema 2020-12`,
    ],
  },
  {
    name: "types that are no schemas",
    text: `types:
  bad: { type: objekt }
  lost: { $ref: '#nowhere' }
nodes: {}
`,
    problems: [
      `5:3 SCHEMA [types.bad] Cannot use the type "bad": /type must be equal to one of the allowed values; write JSON Schema 2020-12`,
      `6:3 SCHEMA [types.lost] Cannot use the type "lost": can't resolve reference #/$defs/nowhere from id #; write JSON Schema 2020-12`,
    ],
  },
];
