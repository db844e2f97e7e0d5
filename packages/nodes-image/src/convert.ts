import { defineNode, port } from "@atomiton/runtime";
import { z } from "zod";

import { format, limitPixels, open, quality, write } from "./render.ts";

export const convert = defineNode({
  type: "core/image.convert",
  version: "1.0.0",
  title: "Convert image",
  category: "media",
  description: "Writes an image in another format. Turned as its camera said, without its metadata.",
  inputs: { image: port.file({ description: "jpeg, png, webp, avif, gif, tiff or svg." }) },
  outputs: {
    image: port.file({ description: "The new image." }),
    width: port.value(z.number().int(), { description: "Its width, pixels." }),
    height: port.value(z.number().int(), { description: "Its height, pixels." }),
  },
  config: z.strictObject({
    format: format.describe("What to write."),
    quality,
    background: z.string().default("#ffffff").describe("Colour behind what is transparent, for jpeg."),
    limitPixels,
  }),
  example: "in: { image: photo.file }\nwith: { format: webp }",
  effect: "pure",
  runsOn: "inline",
  cache: "inputs",
  async run(ctx) {
    const { format, quality, background, limitPixels } = ctx.config;
    const opened = await open(ctx, ctx.in.image, limitPixels);
    const made = format === "jpeg" ? opened.flatten({ background }) : opened;
    return await write(ctx, ctx.in.image, made, { format, quality });
  },
});
