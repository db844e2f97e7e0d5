import { matches } from "../core/topic.ts";
import type { Gap } from "../session/session.ts";
import type { Topics } from "./topics.ts";

/** Names that may be missing in a gap: those that the sender counted, else all of the lane. */
export function namesIn(gap: Gap, topics: Topics): readonly string[] {
  if (gap.names !== undefined) return Object.keys(gap.names);
  if (topics.open) return gap.lane === "main" ? ["*"] : [];
  return topics.names().filter((name) => {
    const topic = topics.get(name);
    return topic?.event?.policy.lane === gap.lane || topic?.command?.policy.lane === gap.lane;
  });
}

/** May something be missing there that `pattern` names? */
export function concerns(
  gap: Gap,
  pattern: string,
  topics: Topics,
  counts: (name: string) => boolean = () => true,
): boolean {
  if (gap.names === undefined && topics.open) return gap.lane === "main";
  return namesIn(gap, topics).some((name) => matches(pattern, name) && counts(name));
}
