/** What differs between two long texts, line by line, with a little of what stands around it. */
import { useMemo, type ReactElement } from "react";
import { linesDiffOf, type Change } from "@/words/diff";
import { plural } from "@/words/money";

const AROUND = 3;
const SIGNS: Record<Change["kind"], string> = { same: " ", added: "+", removed: "−" };

type Shown = Change | { kind: "left out"; text: string };

/** Long runs that are the same are left out, but for their ends. */
function shortened(changes: readonly Change[]): Shown[] {
  const near = new Set<number>();
  changes.forEach((change, index) => {
    if (change.kind !== "same") for (let at = index - AROUND; at <= index + AROUND; at += 1) near.add(at);
  });
  const shown: Shown[] = [];
  let skipped = 0;
  const note = (): void => { if (skipped) shown.push({ kind: "left out", text: `${plural(skipped, "line")} alike` }); skipped = 0; };
  changes.forEach((change, index) => {
    if (near.has(index)) { note(); shown.push(change); } else skipped += 1;
  });
  note();
  return shown;
}

export function Hunks({ before, after, label = "What changes" }: { before: string; after: string; label?: string }): ReactElement {
  const lines = useMemo(() => shortened(linesDiffOf(before, after)), [before, after]);
  return (
    <pre className="bytes hunks" tabIndex={0} aria-label={label}>
      {lines.map((line, index) => {
        if (line.kind === "left out") return <span key={index} className="faint">{`⋯ ${line.text}\n`}</span>;
        const text = `${SIGNS[line.kind]} ${line.text}\n`;
        return line.kind === "added" ? <ins key={index}>{text}</ins> : line.kind === "removed" ? <del key={index}>{text}</del> : <span key={index}>{text}</span>;
      })}
    </pre>
  );
}
