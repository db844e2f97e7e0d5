export { type Library, type LibraryOptions, openLibrary } from "./library.ts";
export type { Graph } from "./graph.ts";
