/** Plain values as YAML, for people to edit: maps, lists and words, nothing that YAML could take for something else. */

const PLAIN = /^[A-Za-z][A-Za-z0-9 _./-]*$/;
// Words that YAML takes for something other than words.
const TAKEN = /^(true|false|yes|no|on|off|null|y|n)$/i;

function word(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value);
  return PLAIN.test(value) && !TAKEN.test(value) && value === value.trim() ? value : JSON.stringify(value);
}

const isEmpty = (value: unknown): boolean => value === null || value === "" || (typeof value === "object" && Object.keys(value).length === 0);

function block(value: string, indent: string): string {
  return `|\n${value.replace(/\n$/, "").split("\n").map((line) => `${indent}${line}`.trimEnd()).join("\n")}`;
}

function lines(value: unknown, indent: string): string[] {
  if (Array.isArray(value)) {
    return value.map((one: unknown) => (typeof one === "object" && one !== null ? `${indent}- ${lines(one, `${indent}  `).join("\n").trimStart()}` : `${indent}- ${word(one)}`));
  }
  return Object.entries(value as Record<string, unknown>).filter(([, one]) => !isEmpty(one)).map(([name, one]) => {
    if (typeof one === "object" && one !== null) return `${indent}${word(name)}:\n${lines(one, `${indent}  `).join("\n")}`;
    if (typeof one === "string" && one.trimEnd().includes("\n") && !/[^\S\n]\n/.test(one) && !one.startsWith(" ")) return `${indent}${word(name)}: ${block(one, `${indent}  `)}`;
    return `${indent}${word(name)}: ${word(one)}`;
  });
}

/** What is empty is left out: a manifest says what differs from nothing. */
export function yamlOf(value: Record<string, unknown>): string {
  return Object.entries(value).filter(([, part]) => !isEmpty(part)).map((part) => lines(Object.fromEntries([part]), "").join("\n")).join("\n\n") + "\n";
}
