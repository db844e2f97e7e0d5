/** Numbers as people read them. */

/** `840 ms`, `3.2 s`, `1:05`, `2:03:09`. */
export function duration(ms: number): string {
  if (ms < 0) return "0 ms";
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1_000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3_600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** `512 B`, `3.4 KiB`, `12 MiB`. */
export function bytes(count: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = count;
  let unit = 0;
  while (value >= 1_024 && unit < units.length - 1) {
    value /= 1_024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : Math.round(value * 10) / 10} ${units[unit]}`;
}

/** `1,204`, in one way everywhere: numbers and the page's English belong together. */
export const integer = (value: number): string => value.toLocaleString("en-US", { maximumFractionDigits: 0 });

const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
/** `9,804`, `12.5K`, `1.2M`: where there is little room. */
export const compact = (value: number): string => (value < 10_000 ? integer(value) : short.format(value));

/** Of a log line: local time to the millisecond. */
export function clockTime(ts: number): string {
  const at = new Date(ts);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** `just now`, `4 min ago`, `3 h ago`, then the date. */
export function ago(ts: number, now: number): string {
  const ms = now - ts;
  if (ms < 45_000) return "just now";
  if (ms < 3_600_000) return `${Math.max(1, Math.round(ms / 60_000))} min ago`;
  if (ms < 86_400_000) return `${Math.round(ms / 3_600_000)} h ago`;
  return new Date(ts).toISOString().slice(0, 10);
}
