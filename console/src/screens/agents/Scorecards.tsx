/** What the versions of an agent came to before the same crowds, two of them side by side with what differs. */
import { Button, Select } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement, type ReactNode } from "react";
import * as api from "chimera-client";
import { useRead } from "@/api/queries";
import { Chip, Empty, Found, Panel, ProblemNote, When } from "@/parts/parts";
import { useMay } from "@/session";
import { countOf, plural } from "@/words/money";

type Card = api.ScorecardShown;
type Trial = Card["trials"][number];

const SCENARIOS = [
  { value: "week", label: "A week, ten thousand people" },
  { value: "moody_crowd", label: "A large crowd that tires quickly" },
];
const PER_MILLION = 10_000;

const shareOf = (millionths: number): string => `${(millionths / PER_MILLION).toFixed(2)}\u00a0%`;
const pointsOf = (millionths: number): string => `${millionths > 0 ? "+" : ""}${(millionths / PER_MILLION).toFixed(2)} points`;
const signed = (count: number): string => `${count > 0 ? "+" : ""}${countOf(count)}`;
const rateOf = (trial: Trial | undefined): number => (trial?.impressions ? trial.engagements / trial.impressions : 0);
const keyOf = (card: Card): string => `${card.scenario} ${card.digest}`;

/** Crowd by crowd: before how many of them did the right version do better than the left one? */
function Verdict({ left, right }: { left: Card; right: Card }): ReactElement {
  const before = new Map(left.trials.map((trial) => [trial.seed, trial]));
  const shared = right.trials.filter((trial) => before.has(trial.seed));
  const better = shared.filter((trial) => rateOf(trial) > rateOf(before.get(trial.seed))).length;
  const worse = shared.filter((trial) => rateOf(trial) < rateOf(before.get(trial.seed))).length;
  if (shared.length === 0) return <span>They did not meet the same crowds; their shares cannot be compared.</span>;
  return (
    <span>
      Before {countOf(better)} of {plural(shared.length, "crowd")} version {right.package_version} engaged more people for each time it was seen than version {left.package_version}{worse > 0 && <>, before {countOf(worse)} fewer</>}.
      {better === shared.length || worse === shared.length ? " They all agree." : " They do not agree: it may be chance."}
    </span>
  );
}

interface Line {
  says: string;
  left: ReactNode;
  right: ReactNode;
  differs: string;
}

function linesOf(left: Card, right: Card): Line[] {
  const both = (says: string, of: (card: Card) => string, differs = ""): Line => {
    const [one, other] = [of(left), of(right)];
    return { says, left: one, right: other, differs: one === other ? "" : differs || "differs" };
  };
  return [
    both("Engagements for each time it was seen", (card) => shareOf(card.rate_millionths), pointsOf(right.rate_millionths - left.rate_millionths)),
    both("Choosing by chance would have had", (card) => shareOf(card.chance_millionths), pointsOf(right.chance_millionths - left.chance_millionths)),
    both("Seen", (card) => countOf(card.impressions), signed(right.impressions - left.impressions)),
    both("Engagements", (card) => countOf(card.engagements), signed(right.engagements - left.engagements)),
    both("Posts", (card) => countOf(card.posts), signed(right.posts - left.posts)),
    both("Posts a day", (card) => countOf(card.posts_per_day), signed(right.posts_per_day - left.posts_per_day)),
    both("Hours of the day it works", (card) => countOf(card.hours), signed(right.hours - left.hours)),
    both("Pictures", (card) => (card.pictures ? "yes" : "no")),
  ];
}

function Beside({ left, right }: { left: Card; right: Card }): ReactElement {
  return (
    <>
      <div className="scroll-x" tabIndex={0} role="region" aria-label="Two versions side by side">
        <table className="list">
          <thead><tr><th>Figure</th>{[left, right].map((card, index) => <th key={index} className="num">Version {card.package_version} {card.in_force && <Chip tone="go">in force</Chip>}</th>)}<th className="num">Difference</th></tr></thead>
          <tbody>{linesOf(left, right).map((line) => <tr key={line.says}><td>{line.says}</td><td className="num">{line.left}</td><td className="num">{line.right}</td><td className="num">{line.differs ? <b>{line.differs}</b> : <span className="faint">the same</span>}</td></tr>)}</tbody>
        </table>
      </div>
      <p className="soft" style={{ padding: "0 14px", margin: "10px 0" }}><Verdict left={left} right={right} /></p>
    </>
  );
}

function Chosen({ cards }: { cards: readonly Card[] }): ReactElement {
  const inForce = cards.find((card) => card.in_force) ?? cards.at(-1);
  const other = cards.filter((card) => card !== inForce).at(-1);
  const [left, setLeft] = useState(other ? keyOf(other) : "");
  const [right, setRight] = useState(inForce ? keyOf(inForce) : "");
  const options = cards.map((card) => ({ value: keyOf(card), label: `Version ${card.package_version}${card.in_force ? ", in force" : ""}` }));
  const [one, two] = [left, right].map((key, index) => cards.find((card) => keyOf(card) === key) ?? (index ? inForce : other));
  if (!one || !two) return <p className="soft" style={{ padding: "0 14px" }}>One version is rehearsed so far. Install another one, rehearse again, and they stand side by side.</p>;
  return (
    <>
      <div className="filters" style={{ padding: "12px 14px 0" }}>
        <Select label="Left" data={options} value={keyOf(one)} allowDeselect={false} onChange={(key) => { setLeft(key ?? ""); }} />
        <Select label="Right" data={options} value={keyOf(two)} allowDeselect={false} onChange={(key) => { setRight(key ?? ""); }} />
      </div>
      <Beside left={one} right={two} />
    </>
  );
}

function Alone({ card }: { card: Card }): ReactElement {
  return (
    <tr>
      <td>{card.package_version} {card.in_force && <Chip tone="go">in force</Chip>}</td>
      <td className="num">{shareOf(card.rate_millionths)}</td>
      <td className="num">{shareOf(card.chance_millionths)}</td>
      <td className="num">{countOf(card.posts)}</td>
      <td>{plural(card.trials.length, "crowd")} of {countOf(card.people)}, {plural(card.days, "day")}</td>
      <td>{card.rehearsed_by}, <When us={card.rehearsed_at_us} /></td>
    </tr>
  );
}

export function Scorecards({ id }: { id: string }): ReactElement {
  const may = useMay();
  const client = useQueryClient();
  const [scenario, setScenario] = useState("week");
  const cards = useRead(["agents", id, "scorecards"], (asked) => api.agentsScorecards({ ...asked, path: { agent_id: id } }));
  const rehearse = useMutation({
    mutationFn: () => api.agentsRehearse({ path: { agent_id: id }, body: { scenario } }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["agents", id, "scorecards"] }),
  });
  const acts = may("agent.change") && (
    <div className="row">
      <Select aria-label="Scenario" size="xs" w={250} data={SCENARIOS} value={scenario} allowDeselect={false} onChange={(value) => { setScenario(value ?? "week"); }} />
      <Button loading={rehearse.isPending} onClick={() => { rehearse.mutate(); }}>Rehearse its versions</Button>
    </div>
  );
  return (
    <div className="stack">
      {rehearse.isError && <ProblemNote error={rehearse.error} />}
      {rehearse.isPending && <p className="soft" role="status" style={{ margin: 0 }}>The latest versions live through it before the same crowds, in a process of their own. Nothing that is live is touched; it takes half a minute or so.</p>}
      <Found query={cards}>{({ items }) => (items.length === 0
        ? <Panel title="Rehearsals" acts={acts} bare><Empty title="No version was rehearsed yet">A rehearsal lets every version choose what to talk about and when, within what its manifest permits, before the same simulated crowds. What came of each stands here beside the others.</Empty></Panel>
        : Object.entries(Object.groupBy(items, (card) => card.scenario)).map(([name, found = []], index) => (
          <div className="stack" key={name}>
            <Panel title={`Side by side: ${name}`} note="the same crowds met each of them" acts={index === 0 ? acts : undefined} bare><Chosen cards={found} /></Panel>
            <Panel title={`All cards: ${name}`} bare><div className="scroll-x"><table className="list"><thead><tr><th>Version</th><th className="num">Engaged</th><th className="num">By chance</th><th className="num">Posts</th><th>Before</th><th>Rehearsed</th></tr></thead><tbody>{found.map((card) => <Alone key={keyOf(card)} card={card} />)}</tbody></table></div></Panel>
          </div>
        )))}</Found>
    </div>
  );
}
