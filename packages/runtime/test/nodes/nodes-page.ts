/** docs/nodes.md, made from the definitions: what people read there is what the nodes say of themselves. */
import { parse } from "yaml";
import { z } from "zod";

import type { AnyNodeDef, Ports } from "../../src/blueprint/define-node.ts";

interface Setting {
  type?: string | string[];
  enum?: unknown[];
  anyOf?: Setting[];
  items?: Setting;
  const?: unknown;
  additionalProperties?: Setting | boolean;
  default?: unknown;
  description?: string;
  minimum?: number;
  maximum?: number;
}

const INTRO = `# Nodes

Every node type of a host without additions; this page is made from their definitions. \`uses: core/csv.read@1\` names a type and its major version.

- **Expressions.** Any setting may be an expression, \`\${ JSONata }\`, over \`in\` (the wired inputs), \`run\`, \`vars\` and, in a loop, \`item\`, \`index\`, \`key\`. Settings marked _JSONata_ or _Liquid_ are that language as a whole; \`\${ }\` around such an expression is allowed. What an expression names as \`in.x\` must be wired to the node; nodes marked _open_ take any input for that.
- **Effect.** What a second run does to the world: \`pure\` nothing, \`read\` reads, \`idempotent\` the same again, \`write\` something else.
- **Every node** also has an output \`error\`. Wired, a failure is handled: the value has \`code\`, \`class\`, \`message\`, and where they apply \`path\`, \`http\`, \`exit\`.
- **Codes** stand beside each node. Files give the system's own (\`ENOENT\`, \`EACCES\`, \`ENOSPC\`, …). \`CONFIG\` (a setting), \`INVALID_INPUT\` (an input's type), \`TIMEOUT\` and \`CANCELLED\` happen to all of them.
- **Paths** start at the Blueprint's folder and may lead anywhere that the process may go; programs run with its rights, requests reach what it reaches. A Blueprint is a program: run those that you trust.
`;

function typeOf(setting: Setting): string {
  if (setting.enum) return setting.enum.map((value) => `\`${String(value)}\``).join(" or ");
  if (setting.anyOf) return [...new Set(setting.anyOf.map(typeOf))].join(" or ");
  if (setting.type === "array") return setting.items ? `list of ${typeOf(setting.items)}` : "list";
  if (setting.type === "object") {
    const { additionalProperties: values } = setting;
    return typeof values === "object" && Object.keys(values).length > 0 ? `map to ${typeOf(values)}` : "map";
  }
  return Array.isArray(setting.type) ? setting.type.join(" or ") : (setting.type ?? "any value");
}

function settings(def: AnyNodeDef): string[] {
  const schema = z.toJSONSchema(def.config, { io: "input", unrepresentable: "any" }) as {
    properties?: Record<string, Setting>;
    required?: string[];
  };
  return Object.entries(schema.properties ?? {}).map(([name, setting]) => {
    const facts = [typeOf(setting)];
    if (setting.default !== undefined) facts.push(`default \`${JSON.stringify(setting.default)}\``);
    else facts.push(schema.required?.includes(name) ? "required" : "optional");
    return `- \`${name}\` (${facts.join("; ")}): ${setting.description ?? ""}`;
  });
}

function ports(all: Ports, areInputs: boolean): string[] {
  return Object.entries(all).map(([name, port]) => {
    const facts = [`\`${port.type}\``];
    if (port.multi) facts.push("several wires");
    if (areInputs && !port.required) facts.push("optional");
    return `- \`${name}\` (${facts.join("; ")}): ${port.description ?? ""}`;
  });
}

function weaker(def: AnyNodeDef): string {
  return Object.entries(def.effectOf ?? {})
    .flatMap(([key, effects]) =>
      Object.entries(effects!).map(([value, effect]) => `, \`${effect}\` with \`${key}: ${value}\``),
    )
    .join("");
}

function dynamicPorts(def: AnyNodeDef): { inputs?: Ports; outputs?: Ports } {
  const defaults = def.config.safeParse({});
  return def.ports?.(defaults.success ? defaults.data : {}) ?? {};
}

/** A node as a Blueprint writes it. */
export function useOf(def: AnyNodeDef): string {
  const name = /[\w-]+$/.exec(def.type)![0];
  const lines = [`uses: ${def.type}@${def.version.split(".")[0]}`, ...(def.example ?? "").split("\n")];
  return [`${name}:`, ...lines.map((line) => `  ${line}`)].join("\n");
}

/** Examples whose settings or inputs the node would refuse. Expressions are left to the run. */
export function wrongExamples(defs: readonly AnyNodeDef[]): string[] {
  return defs.flatMap((def) => {
    const [use] = Object.values(parse(useOf(def)) as Record<string, { in?: object; with?: Record<string, unknown> }>);
    const settings = def.config.safeParse(use?.with ?? {});
    const inputs = { ...def.inputs, ...def.ports?.(settings.data ?? {}).inputs } as Ports;
    const wired = Object.keys(use?.in ?? {});
    const isWired = Object.entries(inputs).every(([name, { required }]) => !required || wired.includes(name));
    const isKnown = def.openInputs || wired.every((name) => name in inputs);
    const isThere = def.example !== undefined;
    return isThere && settings.success && isWired && isKnown ? [] : [`${def.type} ${String(settings.error ?? "")}`];
  });
}

/** Nodes, ports and settings without a description. */
export function silentParts(defs: readonly AnyNodeDef[]): string[] {
  const silent: string[] = [];
  const hear = (what: string, description: string | undefined) =>
    void (description?.endsWith(".") || silent.push(what));
  for (const def of defs) {
    hear(def.type, def.description);
    const dynamic = dynamicPorts(def);
    const all = { ...def.inputs, ...def.outputs, ...dynamic.inputs, ...dynamic.outputs } as Ports;
    for (const [name, port] of Object.entries(all)) hear(`${def.type} ${name}`, port.description);
    const { properties = {} } = z.toJSONSchema(def.config, { io: "input", unrepresentable: "any" }) as {
      properties?: Record<string, { description?: string }>;
    };
    for (const [name, { description }] of Object.entries(properties)) hear(`${def.type} ${name}`, description);
  }
  return silent;
}

export function nodesPage(
  defs: readonly AnyNodeDef[],
  codes: Readonly<Record<string, string>>,
  intro: string = INTRO,
): string {
  const pages = [...defs]
    .sort((a, b) => (a.type < b.type ? -1 : 1))
    .map((def) => {
      const dynamic = dynamicPorts(def);
      const [major] = def.version.split(".");
      const list = (title: string, lines: string[]) => (lines.length === 0 ? [] : ["", `${title}:`, "", ...lines]);
      return [
        `## ${def.type}@${major}`,
        "",
        `**${def.title}** · ${def.category} · effect \`${def.effect}\`${weaker(def)}${def.openInputs ? " · open inputs" : ""}`,
        "",
        def.description,
        ...list("Inputs", ports({ ...def.inputs, ...dynamic.inputs }, true)),
        ...list("Outputs", ports({ ...def.outputs, ...dynamic.outputs }, false)),
        ...list("Settings", settings(def)),
        ...(def.example === undefined ? [] : ["", "```yaml", useOf(def), "```"]),
        ...(codes[def.type] === undefined ? [] : ["", `Codes: ${codes[def.type]}`]),
        "",
      ].join("\n");
    });
  return [intro, ...pages].join("\n");
}
