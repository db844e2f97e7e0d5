import { test } from "vitest";

import { childTransport, stdioTransport } from "../../src/node.ts";
import { transportContract, type TransportPair } from "../../src/testing/index.ts";
import { childEnd, endOf, startChild, type How } from "./child-end.ts";

function pair(how: How): TransportPair {
  const child = startChild(how);
  child.stderr?.resume();
  const a =
    how === "ipc" ? childTransport(child) : stdioTransport(child, { onText() {}, ...(how === "fd" ? { fd: 4 } : {}) });
  return { a, b: childEnd(child, a.medium), close: () => endOf(child) };
}

transportContract("the channel of a forked child", () => pair("ipc"), test);
transportContract("stdin and stdout of a child", () => pair("stdio"), test);
transportContract("an extra descriptor of a child", () => pair("fd"), test);
