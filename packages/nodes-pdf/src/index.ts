export { pdfMerge } from "./merge.ts";
export { pdfRead } from "./read.ts";
export { pdfWrite } from "./write.ts";
