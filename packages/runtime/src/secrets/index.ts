export { secretsFromFile } from "./file.ts";
export { secretsFromKeychain } from "./keychain.ts";
export { firstOf, secretsFrom, secretsFromEnvironment, type SecretSource } from "./source.ts";
