import { styleText } from "node:util";

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";
/** Colours text, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string;

/** Colours where `stream` is a terminal that shows them; NO_COLOR, FORCE_COLOR and TERM=dumb are heard by Node. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  const coloured = stream.isTTY === true && stream.hasColors();
  return (style, text) => (coloured ? styleText(style, text) : text);
}
