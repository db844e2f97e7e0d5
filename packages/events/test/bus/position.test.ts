import { expect, test } from "vitest";

import { Position, readCursor, readId } from "../../src/bus/position.ts";

test("[E-DUR-14] a position takes each number of a life once, upwards, in the scope that told it", () => {
  const position = new Position();
  expect(position.tell()).toBeUndefined();
  expect([3, 3, 2, 4].map((seq) => position.advance({ life: "a", seq }, ""))).toEqual([true, false, false, true]);
  expect(position.advance({ life: "a", seq: 900 }, "user")).toBe(true);
  expect(position.advance({ life: "a", seq: 5 }, "")).toBe(true);
  expect([position.tell(), position.cursor()]).toEqual(["a-900", "a-5"]);
  position.adopt("b-7 c-0", "");
  expect(position.cursor()).toBe("a-5 b-7 c-0");
  const other = new Position();
  other.copy(position);
  expect(other.cursor()).toBe("a-5 b-7 c-0");
});

test("[E-DUR-14] it remembers the 32 lives that it heard last; what an older one stored may come again", () => {
  const position = new Position();
  for (let life = 0; life < 40; life++) {
    position.advance({ life: "first", seq: life + 1 }, ""); // Heard all the time: not the oldest.
    position.advance({ life: `l${life}`, seq: 1 }, "");
  }
  expect(position.cursor()?.split(" ")).toHaveLength(32);
  expect(position.advance({ life: "first", seq: 40 }, "")).toBe(false);
  expect(position.advance({ life: "l39", seq: 1 }, "")).toBe(false);
  expect(position.advance({ life: "l0", seq: 1 }, "")).toBe(true);
});

test.each([
  "",
  " ",
  "a",
  "a-",
  "-1",
  "a-1 ",
  "A-1",
  "a-1-2",
  `${"a".repeat(65)}-1`,
  "a-9999999999999999",
  "__proto__-1",
  "a-1\n",
  Array.from({ length: 65 }, (_, n) => `l${n}-1`).join(" "),
])("[E-DUR-14] %j is no cursor", (text) => {
  expect(readId(text)).toBeUndefined();
  expect(() => readCursor(text)).toThrow(expect.objectContaining({ code: "JOURNAL" }));
});
