/**
 * When a record counts as stored. `sync`: each by itself on the disk; `group`: on the disk together with its neighbours;
 * `off`: handed to the system, which survives the process but not a power cut.
 */
export type Durability = "sync" | "group" | "off";
