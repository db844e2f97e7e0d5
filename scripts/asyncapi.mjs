// Prints the runtime's contract as an AsyncAPI 3 document: npm run --silent asyncapi > runtime.asyncapi.json
// As a program of one role sees it: npm run --silent asyncapi host
import { asyncapi } from "@atomiton/events/asyncapi";
import { runtimeContract } from "@atomiton/runtime/contract";

const [role] = process.argv.slice(2);
const document = asyncapi(runtimeContract, {
  title: "Atomiton runtime",
  version: runtimeContract.id,
  description: "Commands and events of the runtime, as defined in packages/runtime/src/contract.ts",
  ...(role && { role }),
});
console.log(JSON.stringify(document, undefined, 2));
