export { composite } from "./composite.ts";
export { convert } from "./convert.ts";
export { resize } from "./resize.ts";
