/** What was made at random, as the files that an engine runs. */
import { ATTEMPTS, type NodeSpec, type ScopeSpec } from "./specs.ts";

/** Of an attempt that hangs; longer than any other attempt takes. */
const TIMEOUT = "800ms";
/** Nobody answers what is not to be answered, and anybody the rest before it is over. */
export const SILENCE_MS = 300;

const HEAD = { apiVersion: "atomiton.dev/v1", kind: "Blueprint", version: "1.0.0" };
/** What fails unhandled drains, so that who is faster changes nothing. */
const drain = { onFailure: "drain" };

/** The Blueprint; `files` gets those that it uses, by name. */
export function toBlueprint(spec: ScopeSpec, files: Map<string, object>): Record<string, unknown> {
  return {
    ...HEAD,
    id: "random",
    name: "random",
    policy: { ...drain, concurrency: 3, durability: "off" },
    nodes: nodesOf(spec, files),
    outputs: outputsOf(spec),
  };
}

const outputsOf = ({ outputs }: ScopeSpec): object =>
  Object.fromEntries(Object.entries(outputs).map(([name, from]) => [name, { type: "any", from }]));

const nodesOf = (scope: ScopeSpec, files: Map<string, object>): object =>
  Object.fromEntries(
    scope.nodes.map((spec) => {
      const { in: wires, ...rest } = nodeOf(spec, files);
      const given = Object.entries(wires ?? {}).filter(([, from]) => from !== undefined && from.length > 0);
      const after = spec.after === undefined ? {} : { after: [spec.after] };
      return [spec.name, { ...rest, ...after, ...(given.length > 0 ? { in: Object.fromEntries(given) } : {}) }];
    }),
  );

interface Written {
  readonly uses: string;
  readonly in?: Record<string, string | readonly string[] | undefined>;
  readonly [key: string]: unknown;
}

function nodeOf(spec: NodeSpec, files: Map<string, object>): Written {
  const retry = { attempts: ATTEMPTS, backoff: "fixed", initial: "5ms", jitter: "none", on: ["network", "timeout"] };
  switch (spec.kind) {
    case "work": {
      const { many, need, maybe, when, value, flaky, hangs, steps, effect } = spec;
      return {
        uses: "test/work@1",
        in: { many, add: need, in: maybe },
        with: { value, flaky, hangs, steps, acts: effect },
        effect,
        retry,
        timeout: TIMEOUT,
        ...(when ? { when: "${ $exists(in.in) }" } : {}),
      };
    }
    case "merge":
      return { uses: "core/merge@1", in: { items: spec.many }, with: { mode: spec.mode } };
    case "list":
      return { uses: "test/list@1", with: { value: spec.items } };
    case "source":
      return { uses: "test/source@1", with: { count: spec.count, flaky: spec.flaky }, retry };
    case "collect":
      return { uses: "core/collect@1", in: { items: spec.many } };
    case "delay":
      return { uses: "core/delay@1", in: { value: spec.value }, with: { duration: `${spec.ms}ms` } };
    case "ask": {
      const { answer, onTimeout } = spec;
      const timeout = answer === undefined ? `${SILENCE_MS}ms` : "24h";
      const more = {
        ...(answer === undefined ? {} : { prompt: String(answer) }),
        ...(onTimeout === undefined ? {} : { onTimeout }),
      };
      return { uses: "core/input.wait@1", with: { schema: { type: "number" }, timeout, ...more } };
    }
    case "sub": {
      const file = `s${files.size}.blueprint.json`;
      const inputs = spec.add === undefined ? {} : { inputs: { add: { type: "any" } } };
      const made = { ...HEAD, id: file, name: file, policy: drain, ...inputs, outputs: outputsOf(spec.body) };
      files.set(file, made);
      Object.assign(made, { nodes: nodesOf(spec.body, files) });
      return { uses: `./${file}`, in: { add: spec.add } };
    }
    case "loop": {
      const { items, add, body, onItemError, concurrency, isKeyed } = spec;
      return {
        uses: "core/forEach@1",
        in: { items, add },
        with: { onItemError, concurrency, ...(isKeyed ? { key: "${ 'k' & item }" } : {}) },
        body: { nodes: nodesOf(body, files), outputs: body.outputs },
      };
    }
  }
}
