/** The list at the left of the desk: grouped, virtualised, with risk, persona, age, countdown and who looks at it. */
import { Checkbox } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, type ReactElement } from "react";
import * as api from "chimera-client";
import { useNowUs } from "@/live/now";
import { Icon } from "@/parts/Icon";
import { Chip, Risk } from "@/parts/parts";
import { UntrustedLine } from "@/parts/Untrusted";
import { useSession } from "@/session";
import { countdownOf, spanOf } from "@/words/time";

export type Row = api.ReviewRow;
export type Grouping = "none" | "persona" | "risk";

const SOON_US = 3600 * 1_000_000;
const ROW_PX = 82;
const GROUP_PX = 32;

interface Line {
  key: string;
  group?: { name: string; count: number };
  row?: Row;
}

export function linesOf(rows: readonly Row[], grouping: Grouping): Line[] {
  if (grouping === "none") return rows.map((row) => ({ key: row.id, row }));
  const groups = new Map<string, Row[]>();
  rows.forEach((row) => {
    const name = grouping === "risk" ? row.risk : row.agent_name || row.account;
    groups.set(name, [...(groups.get(name) ?? []), row]);
  });
  return [...groups].flatMap(([name, members]) => [{ key: `group ${name}`, group: { name, count: members.length } }, ...members.map((row) => ({ key: row.id, row }))]);
}

/** Only what the API calls of low risk may be ruled on by the dozen. */
export const mayBatch = (row: Row): boolean => row.may_batch;

interface Props {
  lines: readonly Line[];
  chosen: string | undefined;
  picked: ReadonlySet<string>;
  onChoose: (id: string) => void;
  onPick: (id: string) => void;
}

function Entry({ row, isChosen, isPicked, onChoose, onPick }: { row: Row; isChosen: boolean; isPicked: boolean; onChoose: () => void; onPick: () => void }): ReactElement {
  const nowUs = useNowUs();
  const session = useSession();
  const left = row.deadline_us - nowUs;
  const holder = row.claimed_by || row.assignee;
  const isTheirs = holder !== "" && holder !== session.name;
  return (
    <div className="entry" data-chosen={isChosen || undefined}>
      {mayBatch(row) ? <Checkbox size="xs" checked={isPicked} onChange={onPick} aria-label="Select" /> : <span style={{ width: 16 }} />}
      <button type="button" className="bare grow" onClick={onChoose} aria-current={isChosen ? "true" : undefined}>
        <span className="row"><b className="cut grow">{row.agent_name || row.account}</b><span className={left < SOON_US ? "soon" : "faint"}>{countdownOf(left)}</span></span>
        <UntrustedLine text={row.text || row.kind} />
        <span className="row tags">
          <Risk of={row.risk} />
          {row.tainted && <Chip tone="wait">strangers</Chip>}
          {row.about === "doubt" && <Chip tone="doubt">did it happen?</Chip>}
          {row.about === "afterwards" && <Chip tone="info">already out</Chip>}
          <span className="faint">{spanOf(nowUs - row.opened_at_us)} old</span>
          {holder && <span className={isTheirs ? "locked" : "faint"}><Icon name="lock" size={12} /> {isTheirs ? holder : "you"}</span>}
        </span>
      </button>
    </div>
  );
}

export function ReviewList({ lines, chosen, picked, onChoose, onPick }: Props): ReactElement {
  const frame = useRef<HTMLDivElement>(null);
  const at = useMemo(() => lines.findIndex((line) => line.row?.id === chosen), [lines, chosen]);
  // The compiler's memoisation is not used here, so the virtualiser's identity may change as it likes.
  const virtual = useVirtualizer({ count: lines.length, getScrollElement: () => frame.current, estimateSize: (index) => (lines[index]?.group ? GROUP_PX : ROW_PX), getItemKey: (index) => lines[index]?.key ?? index, overscan: 8 });
  useEffect(() => { if (at >= 0) virtual.scrollToIndex(at, { align: "auto" }); }, [at, virtual]);
  return (
    <div className="entries" ref={frame} tabIndex={-1} role="region" aria-label="Waiting reviews">
      <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
        {virtual.getVirtualItems().map((item) => {
          const line = lines[item.index];
          const row = line?.row;
          return (
            <div key={item.key} style={{ position: "absolute", insetInline: 0, top: 0, height: item.size, transform: `translateY(${String(item.start)}px)` }}>
              {line?.group && <div className="entry-group">{line.group.name}<span className="faint">{line.group.count}</span></div>}
              {row && <Entry row={row} isChosen={row.id === chosen} isPicked={picked.has(row.id)} onChoose={() => { onChoose(row.id); }} onPick={() => { onPick(row.id); }} />}
            </div>
          );
        })}
      </div>
    </div>
  );
}
