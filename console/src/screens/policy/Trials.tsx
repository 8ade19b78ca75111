/** A pack on trial: its own tests and the rules of the house, what it would answer otherwise, and history decided again. */
import { Button, SegmentedControl } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import { Link } from "wouter";
import * as api from "chimera-client";
import { Chip, Empty, Figures, Found, Money, Panel, ProblemNote, type Tone } from "@/parts/parts";
import { countOf, plural } from "@/words/money";

export type Shown = api.Policy;
export type Pack = api.PackText;
export type Candidate = { number: number } | { pack: Pack };

const ANSWERS: Record<string, { says: string; tone: Tone }> = {
  allow: { says: "allowed", tone: "go" },
  escalate: { says: "asks a person", tone: "wait" },
  deny: { says: "denied", tone: "stop" },
};

function Answer({ of }: { of: string }): ReactElement {
  const known = ANSWERS[of];
  return <Chip tone={known?.tone ?? "plain"}>{known?.says ?? of}</Chip>;
}

function Check({ candidate }: { candidate: Candidate }): ReactElement {
  const checked = useQuery({ queryKey: ["policy", "check", candidate], queryFn: ({ signal }) => api.policyCheck({ body: candidate, signal }) });
  return (
    <Found query={checked}>{(found) => {
      const failed = found.results.filter((one) => one.differs);
      return (
        <div className="stack">
          <Panel title={found.ok ? "Sound" : "Not to be applied"} note={`${plural(found.results.length, "test")}, ${countOf(found.failed)} failed; ${plural(found.complaints.length, "complaint")}`} acts={<Chip tone={found.ok ? "go" : "stop"}>{found.ok ? "may be applied" : "refused as it is"}</Chip>} bare>
            {found.complaints.length > 0 && <ul className="plain-list">{found.complaints.map((one, index) => <li key={index} className="row" style={{ alignItems: "baseline" }}><Chip tone={one.level === "error" ? "stop" : "wait"}>{one.level}</Chip><code>{one.rule}</code><span className="grow">{one.says}{one.remedy && <span className="soft"> – {one.remedy}</span>}</span></li>)}</ul>}
            {found.uncovered.length > 0 && <p className="soft" style={{ padding: "9px 14px", margin: 0 }}>No test for {found.uncovered.join(", ")}</p>}
          </Panel>
          <Panel title="Tests" note="the pack’s own cases" bare>
            {found.results.length === 0 ? <Empty title="No tests">A case says what a pack should answer, so that a later change cannot alter it unseen.</Empty> : (
              <div className="scroll-x"><table className="list"><thead><tr><th>Case</th><th>Answers</th><th>By</th><th>Outcome</th></tr></thead>
                <tbody>{[...failed, ...found.results.filter((one) => !one.differs)].map((one) => <tr key={one.name}><td>{one.name}</td><td><Answer of={one.answer} /></td><td className="soft">{one.rules.join(", ") || "–"}</td><td>{one.differs ? <><Chip tone="stop">failed</Chip> {one.differs}</> : <Chip tone="go">as expected</Chip>}</td></tr>)}</tbody></table></div>
            )}
          </Panel>
        </div>
      );
    }}</Found>
  );
}

const changedRules = (rules: api.RulesChanged): { what: string; tone: Tone; names: readonly string[] }[] =>
  [{ what: "new", tone: "go" as const, names: rules.added }, { what: "gone", tone: "stop" as const, names: rules.removed }, { what: "changed", tone: "wait" as const, names: rules.reworded }].filter((one) => one.names.length > 0);

function Compare({ candidate }: { candidate: Candidate }): ReactElement {
  const compared = useQuery({ queryKey: ["policy", "compare", candidate], queryFn: ({ signal }) => api.policyCompare({ body: { ...candidate, against: 0 }, signal }) });
  return (
    <Found query={compared}>{(found) => found.same ? <Panel bare><Empty title="The same as what is in force">Not one rule or band differs.</Empty></Panel> : (
      <div className="stack">
        <Panel title="Rules and bands">
          <dl className="facts">
            {changedRules(found.rules).map((one) => <div key={one.what} style={{ display: "contents" }}><dt><Chip tone={one.tone}>{one.what}</Chip></dt><dd>{one.names.map((name) => <code key={name} style={{ marginRight: 10 }}>{name}</code>)}</dd></div>)}
            {(["human_bp", "monitored_bp", "proceed_bp"] as const).filter((name) => found.bands[0][name] !== found.bands[1][name]).map((name) => <div key={name} style={{ display: "contents" }}><dt>{{ human_bp: "A person from", monitored_bp: "Looked at after from", proceed_bp: "Goes out from" }[name]}</dt><dd><del>{found.bands[0][name] / 100} %</del> <ins>{found.bands[1][name] / 100} %</ins></dd></div>)}
          </dl>
          {changedRules(found.rules).length === 0 && found.answers.length === 0 && <p className="soft" style={{ margin: 0 }}>Bands or words alone.</p>}
        </Panel>
        <Panel title="Answers that would differ" note={`${plural(found.answers.length, "question")} of all that can be asked`} bare>
          {found.answers.length === 0 ? <Empty title="None">Every question that can be asked is answered as before.</Empty> : (
            <div className="scroll-x limited" tabIndex={0}><table className="list"><thead><tr><th>When</th><th>Now</th><th>Then</th><th>By</th></tr></thead>
              <tbody>{found.answers.map((one, index) => <tr key={index}><td>{one.about}</td><td><Answer of={one.before} /></td><td><Answer of={one.after} /></td><td className="soft">{one.rules_after.join(", ") || "no rule permits it"}</td></tr>)}</tbody></table></div>
          )}
        </Panel>
      </div>
    )}</Found>
  );
}

function Moved({ of }: { of: api.Replayed }): ReactElement {
  const names = [...new Set([...Object.keys(of.before), ...Object.keys(of.after)])].sort();
  const moved = (before: string, after: string): number => of.moved.find((one) => one.before === before && one.after === after)?.decisions ?? 0;
  return (
    <div className="scroll-x"><table className="list" aria-label="What would change">
      <thead><tr><th>On record</th>{names.map((name) => <th key={name} className="num">would be <Answer of={name} /></th>)}<th className="num">in all</th></tr></thead>
      <tbody>
        {names.map((before) => <tr key={before}><td><Answer of={before} /></td>{names.map((after) => { const count = before === after ? (of.before[before] ?? 0) - names.reduce((sum, other) => sum + (other === before ? 0 : moved(before, other)), 0) : moved(before, after); return <td key={after} className="num">{before === after ? <span className="faint">{countOf(count)}</span> : count > 0 ? <b className={after === "allow" ? "much" : ""}>{countOf(count)}</b> : <span className="faint">–</span>}</td>; })}<td className="num">{countOf(of.before[before] ?? 0)}</td></tr>)}
      </tbody>
    </table></div>
  );
}

const DAYS = [{ value: "1", label: "A day" }, { value: "7", label: "A week" }, { value: "30", label: "A month" }, { value: "365", label: "A year" }];

function Backtest({ candidate }: { candidate: Candidate }): ReactElement {
  const [days, setDays] = useState("30");
  const run = useMutation({ mutationFn: () => api.policyBacktest({ body: { ...candidate, days: Number(days) } }) });
  const found = run.data;
  return (
    <div className="stack">
      <div className="row wrap"><SegmentedControl aria-label="How far back" data={DAYS} value={days} onChange={setDays} /><Button loading={run.isPending} onClick={() => { run.mutate(); }}>Decide history again</Button><span className="faint">Every decision on record is asked anew under this pack. Nothing is done.</span></div>
      {run.isError && <ProblemNote error={run.error} />}
      {found && (
        <>
          <Figures of={[
            { label: "Decisions on record", value: countOf(found.decisions), note: `in ${((found.reading_us + found.deciding_us) / 1_000_000).toFixed(1)} s` },
            { label: "Would differ", value: countOf(found.changed), note: found.decisions ? `${((found.changed / found.decisions) * 100).toFixed(1)} %` : undefined },
            { label: "Spending allowed", value: <Money micros={found.spent_after_micros} />, note: <>was <Money micros={found.spent_before_micros} /></> },
            { label: "Let through: people agreed", value: countOf(found.let_through["people_approved"] ?? 0), note: "asked then, and approved" },
            { label: "Let through: people did not", value: countOf(found.let_through["people_did_not"] ?? 0), note: "rejected or edited then" },
          ]} />
          <Panel title="What would change" note="rows: what was decided; columns: what would be" bare>{found.decisions ? <Moved of={found} /> : <Empty title="No decision on record yet">When the fleet has decided something, it can be decided again here.</Empty>}</Panel>
          {found.examples.length > 0 && <Panel title="Examples" note="the first of those that differ" bare><div className="scroll-x"><table className="list"><thead><tr><th>About</th><th>Was</th><th>Would be</th><th>By</th><th /></tr></thead><tbody>{found.examples.map((one) => <tr key={one.task_id}><td>{one.about || "–"}</td><td><Answer of={one.before} /></td><td><Answer of={one.after} /></td><td className="soft">{one.rules_after.join(", ") || "no rule permits it"}</td><td className="num"><Link href={`/audit/task/${one.task_id}`}>whole life</Link></td></tr>)}</tbody></table></div></Panel>}
        </>
      )}
    </div>
  );
}

type View = "check" | "compare" | "backtest";

/** The three trials of a pack; `only` the first where there is nothing to compare it with. */
export function Trials({ candidate, only }: { candidate: Candidate; only?: "check" }): ReactElement {
  const [view, setView] = useState<View>("check");
  if (only) return <Check candidate={candidate} />;
  return (
    <div className="stack">
      <div><SegmentedControl aria-label="Trial" data={[{ value: "check", label: "Tests" }, { value: "compare", label: "What it answers otherwise" }, { value: "backtest", label: "Back-test" }]} value={view} onChange={(value) => { setView(value as View); }} /></div>
      {view === "check" ? <Check candidate={candidate} /> : view === "compare" ? <Compare candidate={candidate} /> : <Backtest candidate={candidate} />}
    </div>
  );
}
