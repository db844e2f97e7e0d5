/**
 * What another execution can take over from one: outputs of instances that completed, with the hash of what they depend
 * on. Rule: what a person has edited, or a changed configuration has touched while it ran, is not taken over.
 */
import type { Created, ExecutionRecord, StoredValues } from "./records.ts";

const ITEMS = /\[[^\]]*\]/g;

export class Reusable {
  created: Created | undefined;
  /** By path, of attempts that run. */
  readonly #running = new Map<string, string>();
  /** Paths of attempts whose outputs a person has edited. */
  readonly #edited = new Set<string>();
  readonly #done = new Map<string, { readonly h: string; readonly out: StoredValues }>();

  add(record: ExecutionRecord): void {
    switch (record.k) {
      case "created":
        this.created = record;
        return;
      case "started":
        if (record.h === undefined || this.#edited.has(record.p)) this.#running.delete(record.p);
        else this.#running.set(record.p, record.h);
        return;
      case "override":
        if (record.at === "before") return;
        this.#running.delete(record.p);
        this.#edited.add(record.p);
        return;
      case "timer":
        this.#edited.delete(record.p);
        return;
      case "config":
        for (const path of this.#running.keys()) {
          if (path === record.p || path.replace(ITEMS, "") === record.p) this.#running.delete(path);
        }
        return;
      case "settled": {
        const h = record.h ?? this.#running.get(record.p);
        this.#running.delete(record.p);
        this.#edited.delete(record.p);
        if (record.s === "completed" && h !== undefined) this.#done.set(record.p, { h, out: record.out ?? {} });
        else this.#done.delete(record.p);
        return;
      }
      case "answer":
      case "breakpoints":
      case "cancel":
      case "claimed":
      case "count":
      case "drop":
      case "heartbeat":
      case "left":
      case "pause":
      case "released":
      case "resume":
      case "step":
      case "stop":
      case "terminal":
      case "wait":
        return;
    }
  }

  /** The outputs of the instance, where it depended on the same. */
  outputsOf(path: string, h: string): StoredValues | undefined {
    const done = this.#done.get(path);
    return done?.h === h ? done.out : undefined;
  }
}
