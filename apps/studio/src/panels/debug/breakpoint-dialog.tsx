/** A breakpoint with all that narrows it down. */
import type { Breakpoint } from "@atomiton/runtime/contract";
import { useState, type ReactNode } from "react";

import type { BlueprintInfo, GraphNode } from "../../host/host.ts";
import { find, hitProblem, newBreakpoint, plain, placeWords, type BreakpointPlace } from "../../model/breakpoints.ts";
import { nodePathOf } from "../../model/path.ts";
import type { EditedBreakpoint } from "../../store.ts";
import { Button } from "../../ui/button.tsx";
import { fieldLook } from "../../ui/fields.tsx";
import { Sheet } from "../../ui/sheet.tsx";
import { useStudio, useStudioState } from "../../use-studio.ts";

export function BreakpointDialog({ blueprint }: { blueprint: BlueprintInfo }): ReactNode {
  const { steering } = useStudio();
  const editing = useStudioState((state) => state.editing);
  const node = blueprint.graph.nodes.find(({ path }) => editing !== undefined && path === nodePathOf(editing.path));
  return (
    <Sheet
      isOpen={editing !== undefined && node !== undefined}
      onClose={() => steering.closeEdit()}
      title={`Breakpoint of ${node?.id ?? ""}`}
      place="center"
    >
      {editing !== undefined && node !== undefined && (
        <Form key={`${editing.path} ${editing.at}`} editing={editing} node={node} />
      )}
    </Sheet>
  );
}

function Form({ editing, node }: { editing: EditedBreakpoint; node: GraphNode }): ReactNode {
  const { steering } = useStudio();
  const list = useStudioState((state) => state.breakpoints);
  const known = find(list, editing.path, editing.at);
  const [draft, setDraft] = useState<Breakpoint>(
    () => plain(known === undefined ? [] : [known])[0] ?? newBreakpoint(editing.path, editing.at, list),
  );
  const change = (change: Partial<Breakpoint>): void => setDraft((before) => ({ ...before, ...change }));
  const problem = hitProblem(filled(draft.hit));
  const save = (): void => {
    if (problem !== undefined) return;
    // At a place there is one: another one that stood there gives way, and the id tells the place.
    const other = find(list, draft.path, draft.at);
    if (known !== undefined && known.at !== draft.at) steering.remove(known.id);
    const { id } = other ?? (known?.at === draft.at ? known : newBreakpoint(draft.path, draft.at, list));
    steering.put(cleaned({ ...draft, id }));
    steering.closeEdit();
  };
  return (
    <form
      noValidate
      className="flex min-h-0 flex-1 flex-col"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <div className="min-h-0 flex-1 space-y-4 overflow-y-auto px-5 py-4">
        <Labelled label="Stops">
          <select
            value={draft.at}
            onChange={(event) => change({ at: event.target.value as BreakpointPlace })}
            className={`${fieldLook(false)} h-9`}
          >
            {Object.entries(placeWords).map(([at, words]) => (
              <option key={at} value={at}>
                {words}
              </option>
            ))}
          </select>
        </Labelled>
        {draft.at === "edge" && (
          <Labelled label="Input">
            <select
              value={draft.port ?? ""}
              onChange={(event) => change({ port: event.target.value })}
              className={`${fieldLook(false)} h-9`}
            >
              <option value="">any</option>
              {node.inputs.map(({ name }) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </Labelled>
        )}
        {draft.at === "error" && (
          <Labelled label="Errors">
            <select
              value={draft.errors ?? "all"}
              onChange={(event) => change({ errors: event.target.value as "all" | "uncaught" })}
              className={`${fieldLook(false)} h-9`}
            >
              <option value="all">all, also those that are handled or tried again</option>
              <option value="uncaught">only those that nothing handles</option>
            </select>
          </Labelled>
        )}
        <Labelled label="Condition" help="JSONata; it sees in, config, out, error, item, index, attempt">
          <Text value={draft.when} placeholder="index = 37" onChange={(when) => change({ when })} />
        </Labelled>
        <Labelled
          label="Hit count"
          help={problem ?? "Which of its matches stop: 5, >=10, %100"}
          isBad={problem !== undefined}
        >
          <Text
            value={draft.hit}
            placeholder="%100"
            onChange={(hit) => change({ hit })}
            isBad={problem !== undefined}
          />
        </Labelled>
        <Labelled label="Log message" help="Written to the log; it does not stop then">
          <Text value={draft.log} placeholder="${ 'item ' & index }" onChange={(log) => change({ log })} />
        </Labelled>
        <Labelled label="What stands still">
          <select
            value={draft.suspend}
            onChange={(event) => change({ suspend: event.target.value as "all" | "scope" })}
            className={`${fieldLook(false)} h-9`}
          >
            <option value="all">the whole run</option>
            <option value="scope">this instance alone</option>
          </select>
        </Labelled>
      </div>
      <div className="flex items-center justify-end gap-2 border-t border-line px-5 py-3">
        {known !== undefined && (
          <Button
            look="danger"
            className="mr-auto"
            onClick={() => {
              steering.remove(known.id);
              steering.closeEdit();
            }}
          >
            Remove
          </Button>
        )}
        <Button onClick={() => steering.closeEdit()}>Close</Button>
        <Button look="primary" type="submit">
          Set
        </Button>
      </div>
    </form>
  );
}

interface LabelledProps {
  label: string;
  help?: string;
  isBad?: boolean;
  children: ReactNode;
}

const Labelled = ({ label, help, isBad = false, children }: LabelledProps): ReactNode => (
  <label className="block text-sm font-medium">
    <span className="mb-1 block">{label}</span>
    {children}
    {help !== undefined && (
      <span className={`mt-1 block text-xs ${isBad ? "text-bad" : "font-normal text-muted"}`}>{help}</span>
    )}
  </label>
);

interface TextProps {
  value: string | undefined;
  placeholder: string;
  isBad?: boolean;
  onChange: (text: string) => void;
}

const Text = ({ value, placeholder, isBad = false, onChange }: TextProps): ReactNode => (
  <input
    value={value ?? ""}
    placeholder={placeholder}
    spellCheck={false}
    autoComplete="off"
    aria-invalid={isBad}
    onChange={(event) => onChange(event.target.value)}
    className={`${fieldLook(isBad)} h-9 font-mono text-xs`}
  />
);

const filled = (text: string | undefined): string | undefined => (text?.trim() === "" ? undefined : text);

/** What is left empty does not narrow it down, and what belongs to another place is not told. */
function cleaned({ id, at, path, suspend, enabled, ...rest }: Breakpoint): Breakpoint {
  const when = filled(rest.when);
  const hit = filled(rest.hit);
  const log = filled(rest.log);
  const port = at === "edge" ? filled(rest.port) : undefined;
  const errors = at === "error" ? rest.errors : undefined;
  return {
    id,
    at,
    path,
    suspend,
    enabled,
    ...(when === undefined ? {} : { when }),
    ...(hit === undefined ? {} : { hit }),
    ...(log === undefined ? {} : { log }),
    ...(port === undefined ? {} : { port }),
    ...(errors === undefined ? {} : { errors }),
  };
}
