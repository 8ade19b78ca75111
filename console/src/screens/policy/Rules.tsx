/** The rules in words: what each says, what to do about it, whom it asks and what it owes. */
import { SegmentedControl, TextInput } from "@mantine/core";
import { useState, type ReactElement } from "react";
import { Icon } from "@/parts/Icon";
import { Chip, Empty, Panel } from "@/parts/parts";
import type { Shown } from "@/screens/policy/Trials";
import { percentOf } from "@/words/money";

function Bands({ of: levels }: { of: Shown["levels"] }): ReactElement {
  const bands = [
    { from: 0, to: levels.human_bp, name: "refused", tone: "var(--stop)" },
    { from: levels.human_bp, to: levels.monitored_bp, name: "a person", tone: "var(--wait)" },
    { from: levels.monitored_bp, to: levels.proceed_bp, name: "goes out, looked at after", tone: "var(--info)" },
    { from: levels.proceed_bp, to: 10_000, name: "goes out", tone: "var(--go)" },
  ];
  return (
    <Panel title="Confidence" note={`an agent needs ${String(levels.record_rulings_min)} rulings on record before its own confidence counts`}>
      <div className="bands" role="img" aria-label={bands.map((band) => `${band.name} from ${percentOf(band.from)}`).join(", ")}>
        {bands.filter((band) => band.to > band.from).map((band) => <div key={band.name} style={{ flexGrow: band.to - band.from }}><i style={{ background: band.tone }} /><b>{band.name}</b><span className="faint">{percentOf(band.from)}</span></div>)}
      </div>
      {(levels.overrides.length > 0 || levels.two_persons.length > 0) && <p className="soft" style={{ margin: "10px 0 0" }}>{levels.two_persons.length > 0 && <>Two people for {levels.two_persons.join(", ")}. </>}{levels.overrides.length > 0 && <>{levels.overrides.length} exceptions for agents or task types stand in the text.</>}</p>}
    </Panel>
  );
}

export function Rules({ policy, wanted }: { policy: Shown; wanted: string }): ReactElement {
  const [words, setWords] = useState(wanted);
  const [effect, setEffect] = useState("");
  const shown = policy.rules.filter((rule) => (!effect || rule.effect === effect) && `${rule.name} ${rule.says} ${rule.remedy}`.toLowerCase().includes(words.trim().toLowerCase()));
  return (
    <div className="stack">
      <Bands of={policy.levels} />
      <div className="filters" style={{ margin: 0 }}>
        <TextInput w={280} placeholder="Find a rule" aria-label="Find a rule" leftSection={<Icon name="search" />} value={words} onChange={(event) => { setWords(event.currentTarget.value); }} />
        <SegmentedControl aria-label="Effect" data={[{ value: "", label: "All" }, { value: "permit", label: "Permit" }, { value: "forbid", label: "Forbid" }]} value={effect} onChange={setEffect} />
        <span className="faint">{shown.length} of {policy.rules.length} rules</span>
      </div>
      <Panel bare label="Rules">
        {shown.length === 0 ? <Empty title="No rule by that name">A rule that fired elsewhere may be built into the gate: budget, halts and permissions are.</Empty> : (
          <div className="scroll-x"><table className="list"><thead><tr><th>Rule</th><th /><th>Says</th><th>To change it</th><th>Asks</th><th>Owes</th></tr></thead>
            <tbody>{shown.map((rule) => <tr key={rule.name}><td style={{ whiteSpace: "nowrap" }}><code>{rule.name}</code></td><td><Chip tone={rule.effect === "permit" ? "go" : "stop"}>{rule.effect}</Chip></td><td>{rule.says}</td><td className="soft">{rule.remedy || "–"}</td><td>{rule.role ? <Chip tone="wait">{rule.role}</Chip> : "–"}</td><td>{rule.obligation.replaceAll("_", " ") || "–"}</td></tr>)}</tbody></table></div>
        )}
      </Panel>
    </div>
  );
}
