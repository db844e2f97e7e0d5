export { openBlobStore, type BlobGauge, type BlobStore, type BlobStoreOptions } from "./blobs/blob-store.ts";
export { createCatalog, type NodeCatalog } from "./blueprint/catalog.ts";
export { checkBlueprint, type CheckOptions } from "./blueprint/check.ts";
export {
  defineNode,
  port,
  type AnyNodeDef,
  type BlobAccess,
  type BlobRef,
  type Effect,
  type LogLevel,
  type NodeContext,
  type NodeDef,
  type PortDef,
  type PortOptions,
  type Ports,
  type RunsOn,
  type SpawnOptions,
  type SpawnResult,
  type Wait,
} from "./blueprint/define-node.ts";
export type { Blueprint, InputDecl, PortType, Problem, ProblemCode } from "./blueprint/model.ts";
export { parseBlueprint } from "./blueprint/parse.ts";
export {
  libraryContract,
  runtimeContract,
  type Breakpoint,
  type ExecState,
  type LibraryEvents,
  type NodeState,
  type RuntimeEvents,
  type RuntimeMessage,
  type Val,
} from "./contract.ts";
export {
  steerStored,
  storedDetails,
  storedExecutions,
  type StoredDetails,
  type StoredExecution,
} from "./engine/at-rest.ts";
export { constructs } from "./engine/plan/constructs.ts";
export type { ConfigReply, ConfigRequest } from "./engine/control/config-edits.ts";
export type { ExecutionControl, VerifiedBreakpoint } from "./engine/control/execution-control.ts";
export type { Inspected, InspectRequest } from "./engine/control/inspect.ts";
export type { ExecutionHistory } from "./engine/told/recorder.ts";
export { NodeError, RuntimeError, type RtError, type RuntimeErrorCode } from "./errors.ts";
export { RuntimeIPC, type RuntimeIPCOptions } from "./host.ts";
export { describeNode } from "./host/describe.ts";
export { openLibrary, type Library, type LibraryOptions } from "./library/index.ts";
export { coreNodes } from "./nodes/index.ts";
export { hostCatalog, optionalPackages } from "./nodes/optional.ts";
export {
  firstOf,
  secretsFromEnvironment,
  secretsFromFile,
  secretsFromKeychain,
  type SecretSource,
} from "./secrets/index.ts";
export { killLiveGroups } from "./process/live-groups.ts";
export {
  Runtime,
  type BlueprintTarget,
  type ExecuteOptions,
  type ExecutionEntry,
  type Recovered,
  type RuntimeOptions,
} from "./runtime.ts";
