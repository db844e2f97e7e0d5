// Of CommonJS: the packages are modules. Where Node can require those it does, else it says what they are.
const assert = require("node:assert/strict");
if (process.features.require_module) {
  assert.equal(typeof require("@atomiton/events").EventBus, "function");
  assert.equal(typeof require("@atomiton/events/node").serveBus, "function");
  assert.equal(typeof require("@atomiton/runtime").Runtime, "function");
} else {
  assert.throws(() => require("@atomiton/events"), { code: "ERR_REQUIRE_ESM" });
}
assert.match(require.resolve("@atomiton/events/electron/preload"), /electron-preload\.cjs$/);
void import("@atomiton/events").then(({ EventBus }) => assert.equal(typeof EventBus, "function"));
