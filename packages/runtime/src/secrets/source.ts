/** Where a host finds the values of the secrets that Blueprints name. */
export interface SecretSource {
  /** Named where a secret is nowhere: `the environment (ATOMITON_SECRET_cdnToken)`. */
  where(name: string): string;
  /** Undefined when it has none of this name. Asked when an execution is accepted. Rejects when it cannot be read. */
  read(name: string): Promise<string | undefined>;
}

/** The first of them that has a value. */
export function firstOf(...sources: readonly SecretSource[]): SecretSource {
  return {
    where: (name) => sources.map((source) => source.where(name)).join(", ") || "nowhere",
    async read(name) {
      for (const source of sources) {
        const value = await source.read(name);
        if (value !== undefined) return value;
      }
      return undefined;
    },
  };
}

/** Values that a program has at hand. */
export function secretsFrom(values: Readonly<Record<string, string>>): SecretSource {
  return {
    where: () => "those that were given",
    read: async (name) => (Object.hasOwn(values, name) ? values[name] : undefined),
  };
}

/** Before the name of a secret in the environment. */
const PREFIX = "ATOMITON_SECRET_";

/** This process's environment as programs and workers get it: a secret goes only to who asks for it by name. */
export function openEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith(PREFIX)));
}

/**
 * Environment variables: `ATOMITON_SECRET_cdnToken`, or the one that `names` gives for the secret. An empty one counts
 * as none.
 * @example
 * new Runtime({ secrets: secretsFromEnvironment({ names: { cdnToken: "CDN_TOKEN" } }) })
 */
export function secretsFromEnvironment({
  names = {},
  environment,
}: {
  names?: Readonly<Record<string, string>>;
  /** Default: this process's. */
  environment?: Readonly<Record<string, string | undefined>>;
} = {}): SecretSource {
  const variable = (name: string): string => (Object.hasOwn(names, name) ? names[name]! : `${PREFIX}${name}`);
  return {
    where: (name) => `the environment (${variable(name)})`,
    async read(name) {
      const value = (environment ?? process.env)[variable(name)];
      return value === "" ? undefined : value;
    },
  };
}
