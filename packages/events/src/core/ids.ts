/** 24 lower-case letters and digits: as unguessable as `random` is, safe in names, logs and addresses. */
export function newId(random: () => number): string {
  let id = "";
  for (let i = 0; i < 24; i++) id += ALPHABET.charAt(Math.floor(random() * ALPHABET.length));
  return id;
}

const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";

/** The platform's strong dice where it has them; 0 to 1, as `Math.random`. */
export function systemRandom(): number {
  if (typeof crypto === "undefined") return Math.random();
  return (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32;
}
