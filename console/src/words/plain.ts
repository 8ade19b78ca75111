/** Values whose shape nobody promised: read field by field, never trusted to be anything. */

export type Fields = Record<string, unknown>;

export function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value as number | boolean);
}

/** Letters as readers see them. */
export function graphemesOf(text: string): number {
  return [...new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text)].length;
}

/** An account's name with its sign, once. */
export function handleOf(account: string): string {
  return account.startsWith("@") ? account : `@${account}`;
}
