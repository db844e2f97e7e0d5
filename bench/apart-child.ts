/** Opens one contender of one question, and samples it when asked. Ends when the harness disconnects. */
import type { Answer, Task } from "./apart.ts";
import type { Question } from "./harness.ts";
import { measure } from "./measure.ts";

const [file = "", question = "", name = ""] = process.argv.slice(2);
const say = (answer: Answer): void => void process.send!(answer);
const failed = (error: unknown): void =>
  say({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });

try {
  const { questions } = (await import(file)) as { questions: Question[] };
  const contender = await questions.find((each) => each.name === question)!.contenders[name]!();
  process.on("message", ({ units, minMs }: Task) => {
    measure(name, contender, units, minMs).then((sample) => say({ sample }), failed);
  });
  process.once("disconnect", () => void Promise.resolve(contender.close?.()).finally(() => process.exit()));
  say({ ready: contender.bytes === undefined ? {} : { bytes: contender.bytes } });
} catch (error) {
  failed(error);
}
