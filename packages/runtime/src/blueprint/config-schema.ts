import type { z } from "zod";

export interface ObjectSchema {
  readonly shape: Record<string, z.ZodType>;
  readonly strict: boolean;
}

/** An object schema's keys, whichever copy of zod made it; undefined for others. */
export function objectSchema(schema: z.ZodType): ObjectSchema | undefined {
  const def = (
    schema as {
      _zod?: {
        def: { type: string; shape?: Record<string, z.ZodType>; catchall?: { _zod: { def: { type: string } } } };
      };
    }
  )._zod?.def;
  if (def?.type !== "object" || !def.shape) return undefined;
  const rest = def.catchall?._zod.def.type;
  return { shape: def.shape, strict: rest === undefined || rest === "never" };
}

/** Configuration with its defaults; where an expression keeps a key from its schema, that key stays as the file has it. */
export function withDefaults(config: Readonly<Record<string, unknown>>, schema: z.ZodType): unknown {
  const whole = schema.safeParse(config);
  if (whole.success) return whole.data;
  const object = objectSchema(schema);
  if (!object) return config;
  const result: Record<string, unknown> = { ...config };
  for (const [key, inner] of Object.entries(object.shape)) {
    const value = inner.safeParse(Object.hasOwn(config, key) ? config[key] : undefined);
    if (value.success && value.data !== undefined) result[key] = value.data;
  }
  return result;
}
