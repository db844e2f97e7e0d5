/** Asks the stop: JSONata over what is seen there. */
import type { Val } from "@atomiton/runtime/contract";
import { useState, type ReactNode } from "react";

import { Button } from "../../ui/button.tsx";
import { fieldLook } from "../../ui/fields.tsx";
import { ValView } from "../../ui/value-view.tsx";
import { useStudio } from "../../use-studio.ts";

interface Answer {
  readonly id: number;
  readonly expression: string;
  readonly val?: Val;
  readonly problem?: string;
}

/** The latest stay to be compared. */
const KEPT = 5;

export function EvalBox({ stopId }: { stopId: string }): ReactNode {
  const { steering } = useStudio();
  const [text, setText] = useState("");
  const [answers, setAnswers] = useState<readonly Answer[]>([]);
  const evaluate = async (): Promise<void> => {
    const expression = text.trim();
    if (expression === "") return;
    const answer = await steering.evaluate(stopId, expression).then(
      ({ value }) => ({ val: value }),
      (error: unknown) => ({ problem: error instanceof Error ? error.message : String(error) }),
    );
    setAnswers((before) => [{ id: (before[0]?.id ?? 0) + 1, expression, ...answer }, ...before].slice(0, KEPT));
  };
  return (
    <div>
      <form
        className="flex gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          void evaluate();
        }}
      >
        <input
          aria-label="Expression"
          value={text}
          spellCheck={false}
          autoComplete="off"
          placeholder="in.number * 2"
          onChange={(event) => setText(event.target.value)}
          className={`${fieldLook(false)} h-8 min-w-0 font-mono text-xs`}
        />
        <Button type="submit">Evaluate</Button>
      </form>
      <p className="mt-1 text-xs text-muted">JSONata; it sees in, config, out, error, item, index, attempt.</p>
      <ul aria-label="Evaluated" aria-live="polite" className="mt-2 space-y-2">
        {answers.map(({ id, expression, val, problem }) => (
          <li key={id}>
            <code className="block font-mono text-2xs break-words text-muted">{expression}</code>
            {problem === undefined ? <ValView val={val} /> : <p className="text-xs break-words text-bad">{problem}</p>}
          </li>
        ))}
      </ul>
    </div>
  );
}
