/** Where a value stands in a payload, as code says it: `rows[3].onClick`. The root's own name is left out. */
export function pathText(path: readonly (string | number)[]): string {
  let text = "";
  for (const key of path.slice(1)) {
    if (typeof key === "number") text += `[${key}]`;
    else if (!/^[\w$()]+$/.test(key)) text += `[${JSON.stringify(key)}]`;
    else text += text === "" ? key : `.${key}`;
  }
  return text;
}
