import { InvalidArgumentError } from "commander";

/** A repeatable option. */
export function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!Number.isInteger(number) || number < least || number > most || text.trim() === "") {
      throw new InvalidArgumentError(`It is not a whole number from ${least} to ${most}.`);
    }
    return number;
  };
}
