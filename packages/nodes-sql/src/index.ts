export { sqlInsert } from "./insert.ts";
export { sqlQuery } from "./query.ts";
