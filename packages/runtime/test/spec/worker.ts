// The host's thread: a runtime of the library on a bus to the thread that started this one.
import { EventBus } from "@atomiton/events";
import { parentTransport } from "@atomiton/events/node";
import { libraryContract, Runtime, RuntimeIPC, runtimeContract } from "@atomiton/runtime";

const runtime = new Runtime({ dir: import.meta.dirname });
const bus = new EventBus({ contracts: [runtimeContract, libraryContract], role: "host", connect: false });
new RuntimeIPC({ runtime, bus }).initialize();
bus.connect(parentTransport(), { peer: { role: "ui", grants: ["*"] } });
