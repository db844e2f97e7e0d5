import { EventsError } from "../../src/core/errors.ts";
import type { CloseCause, Frame, Transport } from "../../src/wire/transport.ts";

type News = ["open"] | ["frame", Frame] | ["drain"] | ["close", CloseCause];

/** The end that stands in the worker: what it hears comes back over a port of the test's own. */
export function remoteEnd(control: MessagePort): Transport {
  return {
    name: "worker",
    medium: "clone",
    redials: false,
    open(events) {
      control.onmessage = ({ data }: { data: News }) => {
        if (data[0] === "open") events.onOpen();
        else if (data[0] === "frame") events.onFrame(data[1]);
        else if (data[0] === "drain") events.onDrain();
        else events.onClose(data[1]);
      };
      return {
        send(frame) {
          try {
            control.postMessage(["send", frame]);
          } catch (cause) {
            throw new EventsError("UNCLONEABLE", "Cannot send a frame to the worker's end", {}, { cause });
          }
          return true;
        },
        close: (reason) => control.postMessage(["close", reason]),
      };
    },
  };
}
