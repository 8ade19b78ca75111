/** Words that somebody else wrote: text only, isolated from its surroundings, with what it would hide made visible. */
import { Fragment, useMemo, useState, type ReactElement, type ReactNode } from "react";
import { piecesOf, type Piece } from "@/words/hostile";
import { countOf } from "@/words/money";

export interface Marked {
  start: number;
  end: number;
  tainted: boolean;
  source: string;
}

const SHOWN_MAX = 4_000;

function cutAt(piece: Piece, marks: readonly Marked[]): number[] {
  const inside = marks.flatMap((mark) => [mark.start, mark.end]).filter((at) => at > piece.start && at < piece.end);
  return [piece.start, ...new Set(inside.sort((a, b) => a - b)), piece.end];
}

function markedPiece(piece: Piece, marks: readonly Marked[]): ReactNode[] {
  const letters = [...piece.text];
  const cuts = cutAt(piece, marks);
  return cuts.slice(0, -1).map((from, index) => {
    const to = cuts[index + 1] ?? piece.end;
    const text = letters.slice(from - piece.start, to - piece.start).join("");
    const mark = marks.find((one) => one.start <= from && one.end >= to);
    if (!mark) return <Fragment key={from}>{text}</Fragment>;
    const title = mark.tainted ? `A stranger's words, from ${mark.source}` : `Also stands in ${mark.source}`;
    return <mark key={from} className={mark.tainted ? "taint" : "known"} title={title}>{text}</mark>;
  });
}

interface Props {
  text: string;
  marks?: readonly Marked[];
  inline?: boolean;
}

export function Untrusted({ text, marks = [], inline = false }: Props): ReactElement {
  const [isWhole, setWhole] = useState(false);
  const isLong = text.length > SHOWN_MAX;
  const shown = isLong && !isWhole ? text.slice(0, SHOWN_MAX) : text;
  const pieces = useMemo(() => piecesOf(shown), [shown]);
  const tainted = useMemo(() => [...marks].sort((a, b) => Number(b.tainted) - Number(a.tainted)), [marks]);
  const body = pieces.map((piece) =>
    piece.oddity ? (
      <span key={piece.start} className="oddity" title="A character that cannot be seen">{piece.oddity}</span>
    ) : (
      <Fragment key={piece.start}>{markedPiece(piece, tainted)}</Fragment>
    ),
  );
  const Tag = inline ? "bdi" : "div";
  return (
    <Tag className="untrusted" dir="auto">
      {body}
      {isLong && !isWhole && (
        <>
          {"… "}
          <button type="button" className="bare" style={{ color: "var(--go)" }} onClick={() => { setWhole(true); }}>
            show all {countOf(text.length)} characters
          </button>
        </>
      )}
    </Tag>
  );
}

/** One line of it, for lists. */
export function UntrustedLine({ text }: { text: string }): ReactElement {
  const line = useMemo(() => piecesOf(text.slice(0, 240).replace(/\s+/g, " ")).map((piece) => (piece.oddity ? "�" : piece.text)).join(""), [text]);
  return <bdi className="cut" dir="auto" style={{ display: "block" }}>{line}</bdi>;
}
