export { xlsxRead } from "./read.ts";
export { xlsxWrite } from "./write.ts";
