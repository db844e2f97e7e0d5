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
} from "../../src/engine/run/states.ts";

const nodeNumber = (state: NodeState): number => NODE_STATES.indexOf(state);

/** The code of what it throws, or undefined. */
function refusal(step: () => void): unknown {
  try {
    step();
    return undefined;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

test("[R-ENG-1] lets a node instance go every way of the table and refuses every other with E_STATE", () => {
  const wanted = NODE_STATES.flatMap((from) =>
    NODE_STATES.map((to) => [from, to, NODE_STEPS[from].includes(to) ? undefined : "E_STATE"]),
  );
  const found = NODE_STATES.flatMap((from) =>
    NODE_STATES.map((to) => [from, to, refusal(() => checkNodeStep(() => "a/b", nodeNumber(from), nodeNumber(to)))]),
  );
  expect(found).toEqual(wanted);
  expect(wanted.filter(([, , code]) => code === undefined)).toHaveLength(3 + 5 + 6 + 7 + 2 + 2);
  expect(() => checkNodeStep(() => "a/b", nodeNumber("completed"), nodeNumber("running"))).toThrow(
    'Cannot make the node "a/b" running: it is completed',
  );
});

test("[R-ENG-1] lets an execution go every way of the table and refuses every other with E_STATE", () => {
  const states = Object.keys(EXECUTION_STEPS) as ExecState[];
  const wanted = states.flatMap((from) =>
    states.map((to) => [from, to, EXECUTION_STEPS[from].includes(to) ? undefined : "E_STATE"]),
  );
  const found = states.flatMap((from) =>
    states.map((to) => [from, to, refusal(() => checkExecutionStep("x", from, to))]),
  );
  expect(found).toEqual(wanted);
  expect(wanted.filter(([, , code]) => code === undefined)).toHaveLength(2 + 4 + 3 + 2 + 2);
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
