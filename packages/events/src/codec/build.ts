/** Makes the codec of a contract at build time, for pages whose Content-Security-Policy forbids making code. */
import type { Contract } from "../core/contract.ts";
import { layoutsOf } from "./contract-layouts.ts";
import { objectLayouts, shapeSource } from "./shapes.ts";

/**
 * The source text of an ES module whose default export is what `compiledCodec(contracts)` gives. Write it in a build
 * step and hand it in: `new EventBus({ contract, codecs: [codec] })`. Both sides need not have it the same way; one that
 * was made from another version of the contract has another name, and the link then uses MessagePack.
 *
 * @example writeFileSync("src/runtime-codec.js", generateCodec(runtimeContract));
 */
export function generateCodec(contracts: Contract | readonly Contract[]): string {
  const all = Array.isArray(contracts) ? (contracts as readonly Contract[]) : [contracts as Contract];
  const layouts = layoutsOf(all);
  const shapes = Object.values(layouts).flatMap(objectLayouts).map(shapeSource);
  const ids = all.map(({ id }) => id).join(", ");
  return `// Made by generateCodec from ${ids}. Do not change it by hand: make it anew.
import { prebuiltCodec } from "@atomiton/events/codec";

export default prebuiltCodec(${JSON.stringify(layouts)}, [${shapes.join(", ")}]);
`;
}
