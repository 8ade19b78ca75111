/** What changed between two texts, word by word or line by line: their longest common subsequence, with a bound on the work. */

export interface Change {
  kind: "same" | "added" | "removed";
  text: string;
}

const CELLS_MAX = 2_000_000;

function wordsOf(text: string): string[] {
  return text.match(/\s+|[\p{L}\p{N}_’']+|[^\s\p{L}\p{N}_]/gu) ?? [];
}

/** `lengths[i * width + j]`: how many words the two have in common from i and j on. */
function commonLengths(before: string[], after: string[]): Uint32Array {
  const width = after.length + 1;
  const lengths = new Uint32Array((before.length + 1) * width);
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      const [down, right, across] = [lengths[(i + 1) * width + j] ?? 0, lengths[i * width + j + 1] ?? 0, lengths[(i + 1) * width + j + 1] ?? 0];
      lengths[i * width + j] = before[i] === after[j] ? across + 1 : Math.max(down, right);
    }
  }
  return lengths;
}

function changesOf(before: string[], after: string[]): Change[] {
  const lengths = commonLengths(before, after);
  const width = after.length + 1;
  const changes: Change[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [here, there] = [before[i], after[j]];
    if (here !== undefined && here === there) {
      changes.push({ kind: "same", text: here });
      i += 1;
      j += 1;
    } else if (here !== undefined && (there === undefined || (lengths[(i + 1) * width + j] ?? 0) >= (lengths[i * width + j + 1] ?? 0))) {
      changes.push({ kind: "removed", text: here });
      i += 1;
    } else {
      changes.push({ kind: "added", text: there ?? "" });
      j += 1;
    }
  }
  return changes;
}

function joined(changes: Change[]): Change[] {
  const runs: Change[] = [];
  for (const change of changes) {
    const last = runs.at(-1);
    if (last?.kind === change.kind) last.text += change.text;
    else runs.push({ ...change });
  }
  return runs;
}

/** Only what lies between the common beginning and the common end is compared: an edit is usually in one place. */
function changesIn(before: string[], after: string[]): Change[] | null {
  let [start, end] = [0, 0];
  const most = Math.min(before.length, after.length);
  while (start < most && before[start] === after[start]) start += 1;
  while (end < most - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
  const [left, right] = [before.slice(start, before.length - end), after.slice(start, after.length - end)];
  if (left.length * right.length > CELLS_MAX) return null;
  const same = (texts: string[]): Change[] => texts.map((text) => ({ kind: "same", text }));
  return [...same(before.slice(0, start)), ...changesOf(left, right), ...same(before.slice(before.length - end))];
}

function whole(before: string, after: string): Change[] {
  const both: Change[] = [{ kind: "removed", text: before }, { kind: "added", text: after }];
  return both.filter((change) => change.text);
}

export function diffOf(before: string, after: string): Change[] {
  const changes = changesIn(wordsOf(before), wordsOf(after));
  return changes ? joined(changes) : whole(before, after);
}

/** Line by line, one change a line. */
export function linesDiffOf(before: string, after: string): Change[] {
  return changesIn(before.split("\n"), after.split("\n")) ?? whole(before, after);
}
