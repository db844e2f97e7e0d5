/** What the nodes share: an image opened within limits, and written in a format. */
import { NodeError, type BlobRef, type NodeContext } from "@atomiton/runtime";
import sharp, { type Sharp } from "sharp";
import { z } from "zod";

type Context = NodeContext<any, any, any>;
const FORMATS = ["webp", "jpeg", "png", "avif"] as const;
export type Format = (typeof FORMATS)[number];

export const format: z.ZodType<Format> = z.enum(FORMATS);
export const quality: z.ZodType<number> = z
  .number()
  .int()
  .min(1)
  .max(100)
  .default(80)
  .describe("1 to 100, of webp, jpeg and avif; png has none and loses nothing.");
export const limitPixels: z.ZodType<number> = z
  .number()
  .int()
  .min(1)
  .default(100_000_000)
  .describe("Largest image to open, pixels: what small files unfold to is bounded. Default 100 million.");

/** Turned as its camera said. */
export async function open(ctx: Context, image: BlobRef, limit: number): Promise<Sharp> {
  return sharp(await ctx.blob.path(image), { limitInputPixels: limit, failOn: "error" }).rotate();
}

/** Without the metadata of the camera. The name gets the format's ending. */
export async function write(
  ctx: Context,
  image: BlobRef,
  made: Sharp,
  as: { format: Format | undefined; quality: number },
): Promise<{ image: BlobRef; width: number; height: number }> {
  try {
    const format = as.format ?? formatOf((await made.metadata()).format);
    const { data, info } = await made
      .toFormat(format, format === "png" ? {} : { quality: as.quality })
      .toBuffer({ resolveWithObject: true });
    ctx.signal.throwIfAborted();
    const name = `${(image.name ?? "image").replace(/\.[^.]*$/, "")}.${format === "jpeg" ? "jpg" : format}`;
    const written = await ctx.blob.put(data, { type: `image/${format}`, name });
    ctx.progress(1, 1);
    return { image: written, width: info.width, height: info.height };
  } catch (error) {
    ctx.signal.throwIfAborted();
    throw imageError(image, error);
  }
}

/** Of what is read but not written (gif, svg, tiff, …) comes png: it loses nothing. */
const formatOf = (read: string | undefined): Format =>
  FORMATS.find((each) => each === read) ?? (read === "heif" ? "avif" : "png");

export function imageError(image: BlobRef, error: unknown): NodeError {
  const { message } = error as Error;
  const isLarge = /pixel limit/.test(message);
  return new NodeError(
    `Cannot read the image "${image.name ?? image.$blob.slice(0, 20)}": ${isLarge ? "it has more pixels than limitPixels" : message}; ${isLarge ? "raise the limit if you trust it" : "give a whole file of type jpeg, png, webp, avif, gif, tiff or svg"}`,
    { code: isLarge ? "LIMIT" : "IMAGE", class: isLarge ? "resource" : "user", retryable: false },
    { cause: error },
  );
}
