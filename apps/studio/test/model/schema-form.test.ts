import { expect, test } from "vitest";

import { changeOf, configForm } from "../../src/model/config-form.ts";
import { initialOf, readForm, type Typed } from "../../src/model/form.ts";
import { answerOf, formOf } from "../../src/model/schema-form.ts";

const schema = {
  type: "object",
  required: ["ok", "who", "rows"],
  properties: {
    ok: { type: "boolean" },
    who: { type: "string", minLength: 2, title: "Your name" },
    mode: { type: "string", enum: ["fast", "slow"] },
    level: { type: ["integer", "null"], minimum: 1 },
    share: { type: "number" },
    day: { type: "string", format: "date" },
    at: { type: "string", format: "time" },
    when: { type: "string", format: "date-time" },
    place: { type: "object", required: ["city"], properties: { city: { type: "string" }, zip: { type: "string" } } },
    rows: {
      type: "array",
      maxItems: 2,
      items: { type: "object", required: ["n"], properties: { n: { type: "integer" } } },
    },
    free: { anyOf: [{ type: "string" }, { type: "number" }] },
  },
};
const read = (typed: Typed) => {
  const { fields } = formOf(schema);
  return readForm(fields, { ...initialOf(fields), ...typed });
};

test("[ST-STEER-8] a schema's properties become fields of their kind; what has none is typed as JSON", () => {
  const { fields } = formOf(schema);
  expect(fields.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
    "ok boolean",
    "who text",
    "mode enum",
    "level integer",
    "share number",
    "day date",
    "at time",
    "when date-time",
    "place object",
    "rows list",
    "free json",
  ]);
  expect(fields.find(({ name }) => name === "who")).toMatchObject({ label: "Your name", required: true });
});

test("[ST-STEER-8] an answer is read with its parts; what is left empty and may be, is left out", () => {
  expect(
    read({
      ok: "true",
      who: "Ada",
      level: "3",
      day: "2026-01-31",
      at: "10:30",
      "rows#": "2",
      "rows/0/n": "1",
      "rows/1/n": "2",
    }),
  ).toEqual({
    ok: true,
    input: { ok: true, who: "Ada", level: 3, day: "2026-01-31", at: "10:30:00", rows: [{ n: 1 }, { n: 2 }] },
  });
  expect(read({ who: "Ada", "place/city": "Ulm", when: "2026-01-31T10:30Z" })).toEqual({
    ok: true,
    input: { ok: false, who: "Ada", place: { city: "Ulm" }, rows: [], when: "2026-01-31T10:30:00.000Z" },
  });
});

test("[ST-STEER-8] every message stands at its field, those of parts too", () => {
  expect(read({ who: "A", level: "0", "place/zip": "89073", "rows#": "3", "rows/2/n": "x", free: "{" })).toMatchObject({
    ok: false,
    messages: {
      who: "At least 2 characters",
      level: "At least 1",
      "place/city": "Needed",
      rows: "At most 2",
      "rows/0/n": "Needed",
      "rows/2/n": 'Not a number: "x"',
      free: expect.stringContaining("Not JSON"),
    },
  });
});

test("[ST-STEER-8] an answer that is no object has one field; without a schema anything goes, as JSON", () => {
  const yes = formOf({ type: "boolean", title: "Go on?" });
  expect(yes.fields.map(({ label }) => label)).toEqual(["Go on?"]);
  expect(answerOf(yes, { answer: true })).toBe(true);
  const any = formOf(true);
  expect(any.fields[0]).toMatchObject({ kind: "json", label: "Answer" });
  expect(answerOf(formOf(schema), { ok: true })).toEqual({ ok: true });
});

const config = {
  type: "object",
  required: ["url"],
  properties: {
    url: { type: "string" },
    limit: { type: "integer", minimum: 1, default: 10 },
    headers: { type: "object" },
    "a/b": { type: "string" },
  },
};

test("[ST-STEER-9] a change of a configuration is what was changed: set, taken away, or an expression in any key", () => {
  const form = configForm(config, { url: "http://a", limit: 5, headers: { a: 1 } });
  expect(form.typed).toMatchObject({ url: "http://a", limit: "5", "a/b": "" });
  const change = (typed: Typed) => changeOf(form, { ...form.typed, ...typed });
  expect(change({})).toMatchObject({ ok: true, patch: [] });
  expect(change({ url: "http://b", "a/b": "x" })).toMatchObject({
    ok: true,
    patch: [
      { op: "add", path: "/url", value: "http://b" },
      { op: "add", path: "/a~1b", value: "x" },
    ],
  });
  expect(change({ limit: "" })).toMatchObject({ ok: true, patch: [{ op: "remove", path: "/limit" }] });
  expect(change({ limit: "${ in.limit }" })).toMatchObject({
    ok: true,
    patch: [{ op: "add", path: "/limit", value: "${ in.limit }" }],
  });
  expect(change({ limit: "0", url: "" })).toEqual({ ok: false, messages: { limit: "At least 1", url: "Needed" } });
  expect(change({ headers: '{ "a": 2 }' })).toMatchObject({ patch: [{ path: "/headers", value: { a: 2 } }] });
});

test("[ST-STEER-9] a key that holds an expression is a text; one that is not set shows its default", () => {
  const form = configForm(config, { url: "x", limit: "${ in.n }" });
  expect(form.fields.find(({ name }) => name === "limit")?.kind).toBe("text");
  expect(form.typed["limit"]).toBe("${ in.n }");
  expect(configForm(config, { url: "x" }).typed["limit"]).toBe("10");
});
