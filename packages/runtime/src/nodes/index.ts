import type { AnyNodeDef } from "../blueprint/define-node.ts";
import { code } from "./code.ts";
import { collect } from "./collect.ts";
import { csvRead } from "./csv-read.ts";
import { csvWrite } from "./csv-write.ts";
import { delay } from "./delay.ts";
import { fail } from "./fail.ts";
import { fileRead } from "./file-read.ts";
import { fileWrite } from "./file-write.ts";
import { filter } from "./filter.ts";
import { httpRequest } from "./http-request.ts";
import { inputWait } from "./input-wait.ts";
import { log } from "./log.ts";
import { merge } from "./merge.ts";
import { set } from "./set.ts";
import { shell } from "./shell.ts";
import { switchNode } from "./switch.ts";
import { template } from "./template.ts";
import { transform } from "./transform.ts";

/** The node types that every host has, beside the engine's own constructs. */
export const coreNodes: readonly AnyNodeDef[] = [
  code,
  collect,
  csvRead,
  csvWrite,
  delay,
  fail,
  fileRead,
  fileWrite,
  filter,
  httpRequest,
  inputWait,
  log,
  merge,
  set,
  shell,
  switchNode,
  template,
  transform,
];
