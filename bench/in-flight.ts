import type { Contender } from "./harness.ts";

/** Asks `call` for each unit, with `width` calls under way at once. */
export function asking(
  call: (at: number) => Promise<{ value: number }>,
  width: number,
  rest: Pick<Contender, "close" | "otherCpuUs">,
): Contender {
  let took: number[] = [];
  return {
    async run(units) {
      took = [];
      let at = 0;
      let right = 0;
      const lane = async (): Promise<void> => {
        while (at < units) {
          const own = at++;
          const begun = performance.now();
          const reply = await call(own);
          took.push((performance.now() - begun) * 1_000);
          if (reply.value === own) right++;
        }
      };
      await Promise.all(Array.from({ length: width }, lane));
      return right;
    },
    ...(width === 1 && { latencies: () => took }),
    ...rest,
  };
}
