// The specification's "Runtime Side (Main Process)", as written.
import { EventBus } from "@atomiton/events";

import { Runtime } from "./Runtime";

export class RuntimeIPC {
  private events = new EventBus();
  private runtime = new Runtime();

  initialize() {
    // Listen for execution requests
    this.events.on("runtime:execute", async ({ blueprintId, input }) => {
      try {
        // Start execution
        const executionId = await this.runtime.execute(blueprintId, input);

        // Send started event
        this.events.emit("runtime:started", { executionId });

        // Stream progress
        this.runtime.onProgress(executionId, (progress) => {
          this.events.emit("runtime:progress", { executionId, ...progress });
        });

        // Wait for completion
        const result = await this.runtime.waitForCompletion(executionId);
        this.events.emit("runtime:completed", { executionId, result });
      } catch (error) {
        this.events.emit("runtime:error", { error: error.message });
      }
    });
  }
}
