import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";

import type { BlobRef } from "@atomiton/runtime";
import { openBlobStore } from "@atomiton/runtime";
import { runNode } from "@atomiton/runtime/testing";
import sharp from "sharp";
import { expect, test } from "vitest";

import { runInstalled } from "../../../tests/run-installed.ts";
import { composite, convert, resize } from "../src/index.ts";

/** A real picture of the repository. */
const PICTURE = `${import.meta.dirname}/../../../docs/studio.png`;
const blobs = openBlobStore({ memory: true });
const put = async (bytes: Uint8Array, name: string): Promise<BlobRef> =>
  await blobs.put(bytes, { type: "application/octet-stream", name });
const picture = async (): Promise<BlobRef> => await put(await readFile(PICTURE), "studio.png");
const read = async (ref: unknown): Promise<Buffer> => readFile(await blobs.path(ref as BlobRef));

test("[IMG-1] core/image.resize scales within width and height, by the way told, and never enlarges unasked", async () => {
  const image = await picture();
  const { width, height } = await sharp(PICTURE).metadata();
  const made = async (config: Record<string, unknown>) => {
    const { outputs } = await runNode(resize, { in: { image }, config, blobs });
    const facts = await sharp(await read(outputs["image"])).metadata();
    expect([outputs["width"], outputs["height"]]).toEqual([facts.width, facts.height]);
    return { format: facts.format, size: [facts.width, facts.height], file: outputs["image"] as BlobRef };
  };
  expect((await made({ width: 200 })).size).toEqual([200, Math.round((height * 200) / width)]);
  expect((await made({ width: 100, height: 100, fit: "cover" })).size).toEqual([100, 100]);
  expect((await made({ width: width * 2 })).size).toEqual([width, height]);
  expect((await made({ width: width + 10, enlarge: true })).size[0]).toBe(width + 10);
  const webp = await made({ height: 50, format: "webp", quality: 50 });
  expect(webp).toMatchObject({ format: "webp", file: { type: "image/webp", name: "studio.webp" } });
  await expect(runNode(resize, { in: { image }, blobs })).rejects.toMatchObject({ error: { code: "CONFIG" } });
});

test("[IMG-2] core/image.convert writes another format, turned as the camera said, without its metadata", async () => {
  const turned = await sharp({ create: { width: 40, height: 20, channels: 4, background: "#ff000080" } })
    .jpeg()
    .withMetadata({ orientation: 6 })
    .toBuffer();
  const { outputs } = await runNode(convert, {
    in: { image: await put(turned, "a.jpg") },
    config: { format: "png" },
    blobs,
  });
  expect(outputs).toMatchObject({ width: 20, height: 40, image: { type: "image/png", name: "a.png" } });
  expect((await sharp(await read(outputs["image"])).metadata()).orientation).toBeUndefined();
  const clear = await sharp({ create: { width: 4, height: 4, channels: 4, background: "#00000000" } })
    .png()
    .toBuffer();
  const flat = await runNode(convert, {
    in: { image: await put(clear, "clear.png") },
    config: { format: "jpeg", background: "#00ff00" },
    blobs,
  });
  const { data } = await sharp(await read(flat.outputs["image"]))
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect([data[0]! < 10, data[1]! > 245, data[2]! < 10]).toEqual([true, true, true]);
});

test("[IMG-3] core/image.composite lays one image over another where told", async () => {
  const square = async (size: number, background: string): Promise<BlobRef> =>
    put(
      await sharp({ create: { width: size, height: size, channels: 3, background } })
        .png()
        .toBuffer(),
      "square.png",
    );
  const inputs = { image: await square(10, "#000000"), overlay: await square(2, "#ffffff") };
  const at = async (config: Record<string, unknown>): Promise<number[]> => {
    const { outputs } = await runNode(composite, { in: inputs, config, blobs });
    const raw = await sharp(await read(outputs["image"]))
      .greyscale()
      .raw()
      .toBuffer();
    return [...raw.keys()].filter((index) => raw[index] === 255);
  };
  expect(await at({})).toEqual([88, 89, 98, 99]);
  expect(await at({ left: 1, top: 0 })).toEqual([1, 2, 11, 12]);
  const large = runNode(composite, { in: { image: inputs.overlay, overlay: inputs.image }, blobs });
  await expect(large).rejects.toMatchObject({ error: { code: "IMAGE" } });
});

test("[IMG-4] what is no image, cut off or larger than the limit fails with its name and the reason", async () => {
  const whole = await readFile(PICTURE);
  const fails = (bytes: Uint8Array, config = {}) =>
    put(bytes, "bad.png").then((image) => runNode(resize, { in: { image }, config: { width: 10, ...config }, blobs }));
  await expect(fails(Buffer.from("no image"))).rejects.toMatchObject({
    message: expect.stringMatching(/^Cannot read the image "bad.png": /),
    error: { code: "IMAGE", class: "user", retryable: false },
  });
  await expect(fails(whole.subarray(0, whole.length / 2))).rejects.toMatchObject({ error: { code: "IMAGE" } });
  await expect(fails(whole, { limitPixels: 1_000 })).rejects.toMatchObject({
    error: { code: "LIMIT", class: "resource" },
  });
});

test("[IMG-5] a Blueprint uses the installed package", async () => {
  const nodes = {
    read: { uses: "core/file.read@1", with: { path: "in.png" } },
    small: { uses: "core/image.resize@1", in: { image: "read.file" }, with: { width: 64, format: "webp" } },
    write: { uses: "core/file.write@1", in: { content: "small.image" }, with: { path: "out.webp" } },
  };
  await runInstalled(
    "nodes-image",
    { nodes, outputs: { width: { type: "integer", from: "small.width" } } },
    async (dir) => {
      await copyFile(PICTURE, join(dir, "in.png"));
    },
    async (outputs, _runtime, dir) => {
      expect(outputs).toEqual({ width: 64 });
      expect(await sharp(join(dir, "out.webp")).metadata()).toMatchObject({ format: "webp", width: 64 });
    },
  );
});
