import { expect, test } from "vitest";

import type { ExecState, NodeState } from "../../src/contract.ts";
import {
  checkExecutionStep,
  checkNodeStep,
  EXECUTION_STEPS,
  isFinalExecution,
  isFinalNode,
  NODE_STATES,
  NODE_STEPS,
} from "../../src/engine/states.ts";

const nodeNumber = (state: NodeState): number => NODE_STATES.indexOf(state);

test("[R-ENG-1] lets a node instance go every way of the table and refuses every other with E_STATE", () => {
  let legal = 0;
  for (const from of NODE_STATES) {
    for (const to of NODE_STATES) {
      const step = (): void => checkNodeStep(() => "a/b", nodeNumber(from), nodeNumber(to));
      if (NODE_STEPS[from].includes(to)) {
        step();
        legal++;
      } else {
        expect(step, `${from} to ${to}`).toThrow(
          expect.objectContaining({ code: "E_STATE", message: expect.stringContaining('"a/b"') as string }),
        );
      }
    }
  }
  expect(legal).toBe(3 + 5 + 4 + 7 + 2 + 2);
});

test("[R-ENG-1] lets an execution go every way of the table and refuses every other with E_STATE", () => {
  const states = Object.keys(EXECUTION_STEPS) as ExecState[];
  let legal = 0;
  for (const from of states) {
    for (const to of states) {
      const step = (): void => checkExecutionStep("x", from, to);
      if (EXECUTION_STEPS[from].includes(to)) {
        step();
        legal++;
      } else {
        expect(step, `${from} to ${to}`).toThrow(expect.objectContaining({ code: "E_STATE" }));
      }
    }
  }
  expect(legal).toBe(2 + 4 + 3 + 2 + 2);
});

test("[R-ENG-1] knows no way out of a final state", () => {
  expect(NODE_STATES.filter((state) => isFinalNode(nodeNumber(state)))).toEqual([
    "completed",
    "failed",
    "skipped",
    "cancelled",
  ]);
  expect((Object.keys(EXECUTION_STEPS) as ExecState[]).filter(isFinalExecution)).toEqual([
    "completed",
    "failed",
    "cancelled",
  ]);
});
