/** A host whose process node loops for ever: it prints the process's id, and waits to be killed. */
import { Runtime } from "@atomiton/runtime";

import { badProcess } from "./nodes.ts";

const runtime = new Runtime({ nodes: [badProcess] });
runtime.on((message) => {
  if (message.type === "runtime:log") console.log((message.data.data as { v: number }).v);
});
await runtime.execute({
  inline: {
    apiVersion: "atomiton.dev/v1",
    kind: "Blueprint",
    name: "orphan",
    nodes: { a: { uses: "pool/process@1", with: { how: "loop" } } },
  },
});
