export { secretsFromFile } from "./file.ts";
export { secretsFromKeychain } from "./keychain.ts";
export { firstOf, openEnvironment, secretsFrom, secretsFromEnvironment, type SecretSource } from "./source.ts";
