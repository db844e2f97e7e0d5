/** What tests of programs on this bus need; the package's own tests use the same. */
export { fakeClock, type FakeClock, type FakeClockOptions } from "./fake-clock.ts";
export { journalContract, type JournalUnderTest } from "../journal/journal-contract.ts";
export { seededRandom } from "./seeded-random.ts";
export { transportContract, type TestFunction, type TransportPair } from "./transport-contract.ts";
export { faultyLink, type FaultyLink, type FaultyLinkOptions, type Faults } from "./faulty-link.ts";
export { MockEventBus, type Recorded } from "./mock-bus.ts";
export { joinBuses, type Connectable, type JoinedBuses } from "./join-buses.ts";
