/** Data that is too large for one message. */
export { toReadable } from "./readable.ts";
export { withStreams } from "./with-streams.ts";
export type { WithStreams } from "./with-streams.ts";
