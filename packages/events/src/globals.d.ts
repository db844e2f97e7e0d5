/** What every platform has: pages, workers, Node. The lower floors see these globals and no others. */
declare function setTimeout(run: () => void, ms?: number): unknown;
declare function clearTimeout(timer: unknown): void;
declare function queueMicrotask(run: () => void): void;
declare function atob(base64: string): string;
declare function btoa(bytes: string): string;

declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean });
  decode(bytes: Uint8Array): string;
}
interface AbortSignal {
  readonly aborted: boolean;
  readonly reason: any;
  addEventListener(type: "abort", hear: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", hear: () => void): void;
}
declare class AbortController {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
}
declare const console: { error(...parts: unknown[]): void; warn(...parts: unknown[]): void };
declare const performance: { now(): number };
declare const crypto: { getRandomValues(into: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> };
/** In pages only: its presence tells how a tick ends there. */
declare const document: unknown;
interface MessageChannelPort {
  onmessage: ((event: { data: unknown }) => void) | null;
  postMessage(message: unknown): void;
}
declare class MessageChannel {
  readonly port1: MessageChannelPort;
  readonly port2: MessageChannelPort;
}
declare function structuredClone<T>(value: T, options?: { readonly transfer?: readonly unknown[] }): T;
