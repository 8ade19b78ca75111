/** Makes visible what a text would rather hide: control characters, overrides of direction, invisible letters. */

export interface Piece {
  text: string;
  /** Where the piece begins in the text, counted in code points, as the API counts. */
  start: number;
  end: number;
  /** The name of a character that must not be seen as itself. */
  oddity?: string;
}

const NAMES: Record<number, string> = {
  0x00ad: "soft hyphen", 0x061c: "ALM", 0x180e: "MVS", 0x200b: "ZWSP", 0x200c: "ZWNJ", 0x200e: "LRM", 0x200f: "RLM",
  0x202a: "LRE", 0x202b: "RLE", 0x202c: "PDF", 0x202d: "LRO", 0x202e: "RLO", 0x2028: "LSEP", 0x2029: "PSEP",
  0x2060: "WJ", 0x2066: "LRI", 0x2067: "RLI", 0x2068: "FSI", 0x2069: "PDI", 0xfeff: "BOM", 0xfffc: "OBJ",
};

function oddityOf(code: number): string | undefined {
  const name = NAMES[code];
  if (name !== undefined) return name;
  const isControl = (code < 0x20 && code !== 0x0a && code !== 0x09) || (code >= 0x7f && code < 0xa0);
  const isTag = code >= 0xe0000 && code <= 0xe007f;
  return isControl || isTag ? `U+${code.toString(16).toUpperCase().padStart(4, "0")}` : undefined;
}

/** The text in pieces: runs that are harmless, and single characters that have to be named. */
export function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  let run = "";
  let runStart = 0;
  let at = 0;
  for (const letter of text) {
    const oddity = oddityOf(letter.codePointAt(0) ?? 0);
    if (oddity !== undefined) {
      if (run) pieces.push({ text: run, start: runStart, end: at });
      pieces.push({ text: letter, start: at, end: at + 1, oddity });
      run = "";
      runStart = at + 1;
    } else {
      run += letter;
    }
    at += 1;
  }
  if (run) pieces.push({ text: run, start: runStart, end: at });
  return pieces;
}
