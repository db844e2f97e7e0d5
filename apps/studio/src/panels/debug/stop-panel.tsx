/** At a stop: what the instance has, what may be edited there, and the ways to go on. */
import type { RtError, Val } from "@atomiton/runtime/contract";
import type { ReactNode } from "react";

import type { GraphNode } from "../../host/host.ts";
import { itemOf } from "../../model/path.ts";
import { editableAt, placeOf, placeTexts, portsAt, stopInView, stopsOf, type Stop } from "../../model/stops.ts";
import { Button, TextButton } from "../../ui/button.tsx";
import { Icon } from "../../ui/icons.tsx";
import { Section } from "../../ui/section.tsx";
import { ValView } from "../../ui/value-view.tsx";
import { useStudio, useStudioState } from "../../use-studio.ts";
import { ErrorCard } from "../inspect/error-card.tsx";
import { useSteering } from "../run/steer-bar.tsx";
import { EvalBox } from "./eval-box.tsx";
import { PortEditor } from "./port-editor.tsx";

export function StopPanel({ node }: { node: GraphNode }): ReactNode {
  const studio = useStudio();
  const stops = useStudioState((state) => state.execution?.stops);
  const instance = useStudioState((state) => state.instance);
  if (stops === undefined) return null;
  const here = stopsOf(stops, node.path);
  if (here.length === 0) return null;
  const stop = stopInView(new Map(here.map((one) => [one.stopId, one])), node.path, instance);
  if (stop === undefined) return null;
  return (
    <Section
      title={placeTexts[placeOf(stop)]}
      note={itemOf(stop.path) === "" ? undefined : `item ${itemOf(stop.path)}`}
    >
      {here.length > 1 && (
        <label className="mb-3 flex items-center gap-2 text-xs text-muted">
          Stands at
          <select
            value={stop.path}
            onChange={(event) => studio.select(node.path, event.target.value)}
            className="h-8 min-w-0 flex-1 rounded-lg border border-line-strong bg-sunken px-2 text-xs text-text"
          >
            {here.map(({ stopId, path }) => (
              <option key={stopId} value={path}>
                {itemOf(path) || path}
              </option>
            ))}
          </select>
        </label>
      )}
      <StopBody key={stop.stopId} stop={stop} node={node} />
    </Section>
  );
}

function StopBody({ stop, node }: { stop: Stop; node: GraphNode }): ReactNode {
  const { execution, why, act } = useSteering();
  const { stopId, conditionError, values } = stop;
  return (
    <div className="space-y-4">
      {conditionError !== undefined && (
        <p role="alert" className="flex gap-2 rounded-lg bg-warn-soft px-3 py-2 text-sm break-words text-warn">
          <Icon name="warning" size={14} className="mt-0.5" />
          The breakpoint’s condition failed, so it stopped: {conditionError}
        </p>
      )}
      {execution !== undefined && (
        <div className="flex flex-wrap gap-2">
          <Button
            look="primary"
            icon="resume"
            disabled={why("resume") !== undefined}
            onClick={() => act("resume", stopId)}
          >
            Go on from here
          </Button>
          <Button icon="stepOver" disabled={why("over") !== undefined} onClick={() => act("over", stopId)}>
            Step over
          </Button>
        </div>
      )}
      {values === undefined ? (
        <p className="text-sm text-muted">Reading what it has…</p>
      ) : (
        <Values stop={stop} node={node} />
      )}
      {values !== undefined && <EvalBox stopId={stopId} />}
    </div>
  );
}

function Values({ stop, node }: { stop: Stop; node: GraphNode }): ReactNode {
  const { steering } = useStudio();
  const mayEdit = useStudioState((state) => state.rights.control);
  const side = mayEdit ? editableAt(stop) : undefined;
  const { config, error } = stop.values ?? {};
  const inputs = portsAt(stop, "in");
  const outputs = portsAt(stop, "out");
  const isError = placeOf(stop) === "error";
  const given = new Set(outputs.map(({ port }) => port));
  return (
    <>
      {error !== undefined && <ErrorAt val={error} />}
      {isError && side === "out" && (
        <div>
          <h4 className="mb-1 text-xs font-medium">Pretend that it worked</h4>
          <p className="mb-2 text-xs text-muted">
            Give it an output; going on then takes that for its result. Without one the error is handled as usual.
          </p>
          {node.outputs
            .filter(({ name }) => !given.has(name) && name !== "error")
            .map(({ name, type }) => (
              <PortEditor key={name} stopId={stop.stopId} port={name} type={type} val={undefined} mayEdit />
            ))}
        </div>
      )}
      {outputs.length > 0 && (
        <Group title={isError ? "Given in its place" : "What came out, and nobody has yet"}>
          {outputs.map(({ port, val }) => (
            <PortEditor
              key={port}
              stopId={stop.stopId}
              port={port}
              type={typeOf(node.outputs, port)}
              val={val}
              mayEdit={side === "out"}
            />
          ))}
        </Group>
      )}
      {inputs.length > 0 && (
        <Group title="What came in">
          {inputs.map(({ port, val }) => (
            <PortEditor
              key={port}
              stopId={stop.stopId}
              port={port}
              type={typeOf(node.inputs, port)}
              val={val}
              mayEdit={side === "in"}
            />
          ))}
        </Group>
      )}
      {config !== undefined && (
        <Group title="Its configuration">
          <ValView val={config} />
          {side === "in" && (
            <TextButton onClick={() => steering.openConfig(stop.path)}>Change it for this instance…</TextButton>
          )}
        </Group>
      )}
    </>
  );
}

const typeOf = (ports: GraphNode["inputs"], port: string): string =>
  ports.find(({ name }) => name === port)?.type ?? "";

const Group = ({ title, children }: { title: string; children: ReactNode }): ReactNode => (
  <div>
    <h4 className="mb-1.5 text-xs font-medium">{title}</h4>
    <div className="space-y-3">{children}</div>
  </div>
);

const ErrorAt = ({ val }: { val: Val }): ReactNode =>
  val.t === "json" ? <ErrorCard error={val.v as RtError} /> : <ValView val={val} />;
