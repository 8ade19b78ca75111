/** The policy in force: its rules in words, its text, its bands, under one hash. */
import { SegmentedControl, TextInput } from "@mantine/core";
import { useState, type ReactElement } from "react";
import { useSearch } from "wouter";
import { useRead } from "@/api/queries";
import type { Schemas } from "@/api/types";
import { Icon } from "@/parts/Icon";
import { Chip, Empty, Found, Hash, Head, Panel } from "@/parts/parts";

type Found_ = Schemas["Policy"];

function Rules({ policy, wanted }: { policy: Found_; wanted: string }): ReactElement {
  const [words, setWords] = useState(wanted);
  const shown = policy.rules.filter((rule) => `${rule.name} ${rule.says} ${rule.remedy}`.toLowerCase().includes(words.trim().toLowerCase()));
  return (
    <>
      <div className="filters"><TextInput w={280} placeholder="Find a rule" aria-label="Find a rule" leftSection={<Icon name="search" />} value={words} onChange={(event) => { setWords(event.currentTarget.value); }} /><span className="faint">{shown.length} of {policy.rules.length} rules</span></div>
      <Panel bare label="Rules">
        {shown.length === 0 ? <Empty title="No rule by that name">A rule that fired elsewhere may be built into the gate: budget, halts and permissions are.</Empty> : (
          <div className="scroll-x"><table className="list"><thead><tr><th>Rule</th><th>Says</th><th>To change it</th><th>Asks</th><th>Owes</th></tr></thead>
            <tbody>{shown.map((rule) => <tr key={rule.name}><td style={{ whiteSpace: "nowrap" }}><code>{rule.name}</code></td><td>{rule.says}</td><td className="soft">{rule.remedy || "–"}</td><td>{rule.role ? <Chip tone="wait">{rule.role}</Chip> : "–"}</td><td>{rule.obligation || "–"}</td></tr>)}</tbody></table></div>
        )}
      </Panel>
    </>
  );
}

export default function Policy(): ReactElement {
  const wanted = new URLSearchParams(useSearch()).get("rule") ?? "";
  const [view, setView] = useState("rules");
  const policy = useRead<Found_>(["policy"], "policy");
  return (
    <div className="page">
      <Found query={policy}>{(found) => (
        <>
          <Head title="Policy" acts={<SegmentedControl aria-label="View" data={[{ value: "rules", label: "Rules" }, { value: "text", label: "Text" }, { value: "bands", label: "Bands" }]} value={view} onChange={setView} />}>In force: <Hash of={found.digest} length={24} />. Every decision names this hash. Deny beats escalate beats allow; what errs denies.</Head>
          {view === "rules" ? <Rules policy={found} wanted={wanted} /> : <Panel label={view}><pre className="bytes" tabIndex={0} style={{ maxHeight: "none" }}>{view === "text" ? found.text : found.bands}</pre></Panel>}
        </>
      )}</Found>
    </div>
  );
}
