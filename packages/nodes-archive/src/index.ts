export { archiveExtract } from "./extract.ts";
export { archivePack } from "./pack.ts";
