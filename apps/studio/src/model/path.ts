/**
 * Instance paths and the nodes they belong to: `each[sku-12]/thumb` is one instance of the node `each/thumb`.
 * A key may hold any text: it ends at the first `]` that a `/`, another `[` or the end follows.
 */

const KEY = /\[[\s\S]*?\](?=\/|\[|$)/g;

/** `each[sku-12]/thumb` → `each/thumb`: the node's path in the graph. */
export function nodePathOf(path: string): string {
  return path.includes("[") ? path.replace(KEY, "") : path;
}

/** `each[a]/inner[3]/thumb` → `a / 3`: which items of which loops; empty for an instance outside loops. */
export function itemOf(path: string): string {
  if (!path.includes("[")) return "";
  return Array.from(path.matchAll(KEY), ([key]) => readable(key.slice(1, -1))).join(" / ");
}

/** `each[a]/inner/thumb` → `thumb a`: what to call an instance where there is little room. */
export function shortName(path: string): string {
  const node = nodePathOf(path);
  const item = itemOf(path);
  const name = node.slice(node.lastIndexOf("/") + 1);
  return item === "" ? name : `${name} ${item}`;
}

/** Keys escape what has a meaning in paths, as addresses do. */
function readable(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

/** True for the node itself and everything in its body. */
export function isWithin(nodePath: string, scope: string): boolean {
  return nodePath === scope || nodePath.startsWith(`${scope}/`);
}
