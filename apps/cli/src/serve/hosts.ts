import { hostname, networkInterfaces } from "node:os";

const LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** An address as it stands in a URL. */
export function inUrl(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}

/**
 * The `Host` values that requests may carry: the names under which this server was meant to be reached, no others. A
 * page of a foreign site that points its own name at this machine (DNS rebinding) sends its own name here.
 */
export function allowedHosts(host: string, port: number): string[] {
  const names = new Set(isLoopback(host) ? LOOPBACK : [...LOOPBACK, inUrl(host), hostname().toLowerCase()]);
  names.add(inUrl(host));
  if (host === "0.0.0.0" || host === "::") {
    for (const addresses of Object.values(networkInterfaces())) {
      for (const { address } of addresses ?? []) names.add(inUrl(address));
    }
  }
  const withPort = [...names].map((name) => `${name}:${port}`);
  // Browsers leave the default port out.
  return port === 80 ? [...withPort, ...names] : withPort;
}

/** The pages that may open the bus: this server's own. */
export function allowedOrigins(hosts: readonly string[]): string[] {
  return hosts.map((host) => `http://${host}`);
}
