/** How a node is set up: its configuration, whose values it takes, what it gives. */
import type { ReactNode } from "react";

import type { GraphNode, Wire } from "../../host/host.ts";
import { isTerminal } from "../../model/execution.ts";
import { TextButton } from "../../ui/button.tsx";
import { Pair, Pairs, Section } from "../../ui/section.tsx";
import { ValueView } from "../../ui/value-view.tsx";
import { useStudio, useStudioState } from "../../use-studio.ts";

export function Setup({ node, wires }: { node: GraphNode; wires: readonly Wire[] }): ReactNode {
  const { config } = node;
  const hasConfig = typeof config === "object" && config !== null && Object.keys(config).length > 0;
  return (
    <>
      <Section title="Configuration" note={<ConfigButton node={node} />}>
        {hasConfig ? (
          <ValueView value={config} />
        ) : (
          <p className="text-sm text-muted">Nothing is set: its defaults count.</p>
        )}
      </Section>
      <Section title="Inputs">
        {node.inputs.length === 0 ? <p className="text-sm text-muted">None.</p> : <Inputs node={node} wires={wires} />}
      </Section>
      <Section title="Outputs" note={`line ${node.line} of the file`}>
        {node.outputs.length === 0 ? (
          <p className="text-sm text-muted">None.</p>
        ) : (
          <Pairs>
            {node.outputs.map((port) => (
              <Pair key={port.name} name={port.name}>
                <code className="font-mono text-xs text-muted">{port.type}</code>
              </Pair>
            ))}
          </Pairs>
        )}
      </Section>
    </>
  );
}

/** While its run goes on: of the node, in a loop in every item to come. */
function ConfigButton({ node }: { node: GraphNode }): ReactNode {
  const { steering } = useStudio();
  const mayChange = useStudioState(
    ({ execution, rights }) => rights.control && execution !== undefined && !isTerminal(execution.state),
  );
  if (!mayChange) return null;
  return <TextButton onClick={() => steering.openConfig(node.path)}>Change it in this run…</TextButton>;
}

/** Each port, and whose value it takes. */
function Inputs({ node, wires }: { node: GraphNode; wires: readonly Wire[] }): ReactNode {
  const sources = (port: string): string =>
    wires
      .filter(({ to, control }) => to.node === node.path && to.port === port && !control)
      .map(({ from }) => (/^\$(item|index|key)$/.test(from.node) ? from.node : `${from.node}.${from.port}`))
      .join(", ");
  return (
    <Pairs>
      {node.inputs.map((port) => (
        <Pair key={port.name} name={port.name}>
          <code className="font-mono text-xs text-muted">{port.type}</code>
          <span className="block text-xs text-faint">
            {sources(port.name) === ""
              ? port.required
                ? "not wired"
                : "optional, not wired"
              : `from ${sources(port.name)}`}
          </span>
        </Pair>
      ))}
    </Pairs>
  );
}
