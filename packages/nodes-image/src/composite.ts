import { defineNode, port } from "@atomiton/runtime";
import { z } from "zod";

import { format, imageError, limitPixels, open, quality, write } from "./render.ts";

export const composite = defineNode({
  type: "core/image.composite",
  version: "1.0.0",
  title: "Compose images",
  category: "media",
  description: "Lays one image over another: a logo, a frame, a watermark. Both keep their size.",
  inputs: {
    image: port.file({ description: "The lower image." }),
    overlay: port.file({ description: "What lies over it; not larger than it." }),
  },
  outputs: {
    image: port.file({ description: "The new image." }),
    width: port.value(z.number().int(), { description: "Its width, pixels." }),
    height: port.value(z.number().int(), { description: "Its height, pixels." }),
  },
  config: z.strictObject({
    place: z
      .enum(["center", "north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest"])
      .default("southeast")
      .describe("Where the overlay lies, when `left` and `top` do not say."),
    left: z.number().int().optional().describe("Pixels from the left edge; with `top`."),
    top: z.number().int().optional().describe("Pixels from the upper edge; with `left`."),
    blend: z.enum(["over", "multiply", "screen", "overlay"]).default("over").describe("How colours mix."),
    format: format.optional().describe("Left out: as it was, png where that cannot be written."),
    quality,
    limitPixels,
  }),
  example: "in: { image: photo.file, overlay: logo.file }\nwith: { place: southeast }",
  effect: "pure",
  runsOn: "inline",
  cache: "inputs",
  async run(ctx) {
    const { place, left, top, blend, limitPixels } = ctx.config;
    const lower = await open(ctx, ctx.in.image, limitPixels);
    const upper = await open(ctx, ctx.in.overlay, limitPixels);
    let input: Buffer;
    try {
      input = await upper.png().toBuffer();
    } catch (error) {
      throw imageError(ctx.in.overlay, error);
    }
    const where = left !== undefined && top !== undefined ? { left, top } : { gravity: place };
    const made = lower.composite([{ input, blend, ...where }]);
    return await write(ctx, ctx.in.image, made, { format: ctx.config.format, quality: ctx.config.quality });
  },
});
