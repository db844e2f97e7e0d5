import { generateKeyPairSync, sign } from "node:crypto";

/** One DER value. */
const der = (tag: number, ...parts: (Uint8Array | readonly number[])[]): Buffer => {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const size = body.byteLength;
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
};
const sequence = (...parts: Buffer[]): Buffer => der(0x30, ...parts);
const text = (value: string): Buffer => Buffer.from(value, "latin1");
const time = (ms: number): Buffer => der(0x17, text(`${new Date(ms).toISOString().replace(/\D/g, "").slice(2, 14)}Z`));

const ECDSA_SHA256 = sequence(der(0x06, [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]));
const COMMON_NAME = [0x55, 0x04, 0x03];
const ALT_NAME = [0x55, 0x1d, 0x11];
const DAY_MS = 86_400_000;

/** A certificate for `localhost` and 127.0.0.1 that only who is given it trusts; new each time. */
export function selfSigned(): { readonly cert: string; readonly key: string } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = sequence(der(0x31, sequence(der(0x06, COMMON_NAME), der(0x0c, text("localhost")))));
  const names = sequence(der(0x82, text("localhost")), der(0x87, [127, 0, 0, 1]));
  const facts = sequence(
    der(0xa0, der(0x02, [2])),
    der(0x02, [1]),
    ECDSA_SHA256,
    name,
    sequence(time(Date.now() - DAY_MS), time(Date.now() + DAY_MS)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(sequence(der(0x06, ALT_NAME), der(0x04, names)))),
  );
  const cert = sequence(facts, ECDSA_SHA256, der(0x03, [0], sign("sha256", facts, privateKey)));
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${cert.toString("base64").replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}
