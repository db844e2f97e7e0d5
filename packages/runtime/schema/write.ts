/** Writes the published JSON Schema anew: `node packages/runtime/schema/write.ts`. A test holds it to its source. */
import { writeFileSync } from "node:fs";

import { blueprintJsonSchema } from "../src/blueprint/file-schema.ts";

writeFileSync(new URL("blueprint.schema.json", import.meta.url), `${JSON.stringify(blueprintJsonSchema(), null, 2)}\n`);
