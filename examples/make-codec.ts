// A build step: "prebuild": "node make-codec.ts". Its first argument is the module to write.
import { writeFileSync } from "node:fs";

import { generateCodec } from "@atomiton/events/codec/build";

import { contract } from "./served-contract.ts";

const [file = "served-codec.js"] = process.argv.slice(2);
writeFileSync(file, generateCodec(contract));
