import { defineNode, NodeError, port } from "@atomiton/runtime";
import { z } from "zod";

import { format, limitPixels, open, quality, write } from "./render.ts";

export const resize = defineNode({
  type: "core/image.resize",
  version: "1.0.0",
  title: "Resize image",
  category: "media",
  description: "Scales an image to a width, a height, or into both. Turned as its camera said, without its metadata.",
  inputs: { image: port.file({ description: "jpeg, png, webp, avif, gif, tiff or svg." }) },
  outputs: {
    image: port.file({ description: "The new image." }),
    width: port.value(z.number().int(), { description: "Its width, pixels." }),
    height: port.value(z.number().int(), { description: "Its height, pixels." }),
  },
  config: z.strictObject({
    width: z.number().int().min(1).max(16_384).optional().describe("Pixels. Left out: as the height asks."),
    height: z.number().int().min(1).max(16_384).optional().describe("Pixels. Left out: as the width asks."),
    fit: z
      .enum(["inside", "cover", "contain", "fill"])
      .default("inside")
      .describe("Into both: inside keeps all of it, cover cuts what is over, contain adds a border, fill distorts."),
    enlarge: z.boolean().default(false).describe("Also make small images larger."),
    format: format.optional().describe("Left out: as it was, png where that cannot be written."),
    quality,
    limitPixels,
  }),
  example: "in: { image: photo.file }\nwith: { width: 640, format: webp }",
  effect: "pure",
  // The library works in threads of its own.
  runsOn: "inline",
  cache: "inputs",
  async run(ctx) {
    const { width, height, fit, enlarge } = ctx.config;
    if (width === undefined && height === undefined) {
      throw new NodeError("Cannot resize the image: neither width nor height is given; give one of them", {
        code: "CONFIG",
        class: "config",
        retryable: false,
      });
    }
    const made = (await open(ctx, ctx.in.image, ctx.config.limitPixels)).resize({
      ...(width === undefined ? {} : { width }),
      ...(height === undefined ? {} : { height }),
      fit,
      withoutEnlargement: !enlarge,
    });
    return await write(ctx, ctx.in.image, made, { format: ctx.config.format, quality: ctx.config.quality });
  },
});
