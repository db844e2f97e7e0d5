import type { AnyNodeDef } from "../blueprint/define-node.ts";
import { assert } from "./assert.ts";
import { batch } from "./batch.ts";
import { code } from "./code.ts";
import { collect } from "./collect.ts";
import { crypto } from "./crypto.ts";
import { csvRead } from "./csv-read.ts";
import { csvWrite } from "./csv-write.ts";
import { dedupe } from "./dedupe.ts";
import { delay } from "./delay.ts";
import { eventWait } from "./event-wait.ts";
import { fail } from "./fail.ts";
import { fileList } from "./file-list.ts";
import { fileRead } from "./file-read.ts";
import { fileWatch } from "./file-watch.ts";
import { fileWrite } from "./file-write.ts";
import { filter } from "./filter.ts";
import { hash } from "./hash.ts";
import { html } from "./html.ts";
import { httpRequest } from "./http-request.ts";
import { inputStream } from "./input-stream.ts";
import { inputWait } from "./input-wait.ts";
import { jsonStream } from "./json-stream.ts";
import { log } from "./log.ts";
import { merge } from "./merge.ts";
import { pickFields } from "./pick-fields.ts";
import { schedule } from "./schedule.ts";
import { set } from "./set.ts";
import { shell } from "./shell.ts";
import { sort } from "./sort.ts";
import { split } from "./split.ts";
import { switchNode } from "./switch.ts";
import { template } from "./template.ts";
import { transform } from "./transform.ts";
import { validate } from "./validate.ts";
import { webhook } from "./webhook.ts";
import { xml } from "./xml.ts";
import { yaml } from "./yaml.ts";

/** The node types that every host has, beside the engine's own constructs. */
export const coreNodes: readonly AnyNodeDef[] = [
  assert,
  batch,
  code,
  collect,
  crypto,
  csvRead,
  csvWrite,
  dedupe,
  delay,
  eventWait,
  fail,
  fileList,
  fileRead,
  fileWatch,
  fileWrite,
  filter,
  hash,
  html,
  httpRequest,
  inputStream,
  inputWait,
  jsonStream,
  log,
  merge,
  pickFields,
  schedule,
  set,
  shell,
  sort,
  split,
  switchNode,
  template,
  transform,
  validate,
  webhook,
  xml,
  yaml,
];
