/** Reviewers in figures: how much they rule, how often they say yes, how long they look, and what became of decoys. */
import { SegmentedControl } from "@mantine/core";
import { useMemo, useState, type ReactElement } from "react";
import * as api from "chimera-client";
import { useRead } from "@/api/queries";
import { Avatar, Chip, Empty, Found, Panel } from "@/parts/parts";
import { countOf, percentOf } from "@/words/money";
import { MICROS_A_SECOND, spanOf } from "@/words/time";

const DAY_MS = 86_400_000;
// Almost only yes, and hardly a look: worth a word with them, not a verdict.
const YES_BP_MANY = 9_800;
const RULINGS_TELLING = 20;

export function Reviewers(): ReactElement {
  const [days, setDays] = useState("30");
  const sinceUs = useMemo(() => Math.floor((Date.now() - Number(days) * DAY_MS) / DAY_MS) * DAY_MS * 1000, [days]);
  const found = useRead(["reviews", "reviewers"], (asked) => api.reviewersStandings(asked), { query: { since_us: Math.max(0, sinceUs) } });
  return (
    <Found query={found}>{({ items }) => (
      <Panel title="Reviewers" note="rates of those who ruled; times are medians" acts={<SegmentedControl aria-label="Since" data={[{ value: "1", label: "A day" }, { value: "7", label: "A week" }, { value: "30", label: "A month" }, { value: "20000", label: "Ever" }]} value={days} onChange={setDays} />} bare>
        {items.length === 0 ? <Empty title="Nobody has ruled yet">Whoever rules on the desk stands here: how often they say yes, how long they look, and how many planted decoys they let through.</Empty> : (
          <div className="scroll-x"><table className="list"><thead><tr><th>Name</th><th className="num">Rulings</th><th className="num">Yes</th><th className="num">Edited</th><th className="num">No</th><th className="num">Says yes</th><th className="num">Looks for</th><th className="num">Decoys missed</th></tr></thead>
            <tbody>{items.map((one) => <tr key={one.name}><td><div className="row"><Avatar name={one.name} of={one.name} /><bdi>{one.name}</bdi>{one.rulings >= RULINGS_TELLING && one.approval_bp >= YES_BP_MANY && <Chip tone="wait" title="Nearly everything is approved">nearly only yes</Chip>}</div></td><td className="num">{countOf(one.rulings)}</td><td className="num">{countOf(one.approved)}</td><td className="num">{countOf(one.edited)}</td><td className="num">{countOf(one.rejected)}</td><td className="num">{percentOf(one.approval_bp)}</td><td className="num">{one.held_seconds ? spanOf(one.held_seconds * MICROS_A_SECOND) : "–"}</td><td className="num">{one.decoys ? <>{one.decoys_missed > 0 ? <Chip tone="stop">{one.decoys_missed}</Chip> : one.decoys_missed} <span className="faint">of {one.decoys}</span></> : "–"}</td></tr>)}</tbody></table></div>
        )}
      </Panel>
    )}</Found>
  );
}
