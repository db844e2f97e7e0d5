// The specification's "Editor Side (Renderer Process)", as written.
import { EventBus } from "@atomiton/events";

export class RuntimeClient {
  private events = new EventBus();

  async executeBlueprint(blueprintId: string, input?: any) {
    return new Promise((resolve, reject) => {
      // Listen for completion
      this.events.once("runtime:completed", ({ result }) => {
        resolve(result);
      });

      // Listen for errors
      this.events.once("runtime:error", ({ error }) => {
        reject(new Error(error));
      });

      // Trigger execution
      this.events.emit("runtime:execute", { blueprintId, input });
    });
  }

  onProgress(callback: (progress: any) => void) {
    this.events.on("runtime:progress", callback);
  }
}
