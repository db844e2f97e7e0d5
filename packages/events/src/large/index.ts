/** Data that is too large for one message. */
export { toReadable } from "./readable.ts";
export { withStreams } from "./with-streams.ts";
export type { WithStreams } from "./with-streams.ts";
export { SharedBytes } from "../wire/shared.ts";
export { transfer } from "../wire/transfer.ts";
