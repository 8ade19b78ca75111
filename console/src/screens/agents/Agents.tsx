/** Agents as a list, one of them, and installing a package. */
import { Button, SegmentedControl, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useState, type ReactElement } from "react";
import { Link, useLocation, useParams } from "wouter";
import * as api from "chimera-client";
import { type StateOf, usePages } from "@/api/queries";
import { Icon } from "@/parts/Icon";
import { Empty, Head, Meter, Money, NoRows, Panel, ProblemNote, State } from "@/parts/parts";
import { Agent } from "@/screens/agents/Agent";
import { Editor } from "@/screens/agents/Editor";
import { useMay } from "@/session";
import { handleOf } from "@/words/plain";

type State = StateOf<api.AgentsListData>;

function List(): ReactElement {
  const [, go] = useLocation();
  const may = useMay();
  const [words, setWords] = useState("");
  const [sought] = useDebouncedValue(words.trim(), 200);
  const [state, setState] = useState<State>("");
  const pages = usePages(["agents", "list"], (asked) => api.agentsList(asked), { q: sought, state, limit: 100 });
  const rows = pages.data?.pages.flatMap((page) => page.items) ?? [];
  const act = may("agent.change") ? <Button onClick={() => { go("/agents/new"); }}>Install an agent</Button> : undefined;
  return (
    <>
      <Head title="Agents" acts={act}>A persona with permissions, accounts and a budget. What its manifest does not list, it may not do.</Head>
      <div className="filters"><TextInput w={260} placeholder="Name" aria-label="Search agents" leftSection={<Icon name="search" />} value={words} onChange={(event) => { setWords(event.currentTarget.value); }} /><SegmentedControl aria-label="State" data={[{ value: "", label: "All" }, { value: "active", label: "Active" }, { value: "paused", label: "Paused" }, { value: "installed", label: "Installed" }, { value: "retired", label: "Retired" }]} value={state} onChange={setState} /></div>
      {pages.isError && <ProblemNote error={pages.error} />}
      <Panel bare label="Agents">
        {!rows.length ? <NoRows pages={pages}><Empty title={sought || state ? "No such agent" : "No agents yet"} act={act}>An agent is installed from a package: a folder with a manifest.</Empty></NoRows> : (
          <div className="scroll-x"><table className="list"><thead><tr><th>Persona</th><th>Package</th><th>Accounts</th><th>State</th><th style={{ width: 190 }}>Today</th></tr></thead>
            <tbody>{rows.map((row) => <tr key={row.id} className="link" onClick={() => { go(`/agents/${row.id}`); }}><td><Link href={`/agents/${row.id}`}>{row.persona}</Link></td><td className="soft">{row.name} <span className="faint">{row.package_version}</span></td><td className="soft">{row.accounts.map((account) => `${handleOf(account.handle)} on ${account.platform}`).join(", ")}</td><td><State of={row.halted ? "halted" : row.state} /></td><td><div className="row" style={{ fontSize: 12.5 }}><span className="grow"><Money micros={row.spent_micros} /></span><span className="faint">of <Money micros={row.cap_micros} /></span></div><Meter spent={row.spent_micros} held={row.held_micros} cap={row.cap_micros} /></td></tr>)}</tbody></table></div>
        )}
      </Panel>
      {pages.hasNextPage && <Button mt={12} variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>More</Button>}
    </>
  );
}

export default function Agents(): ReactElement {
  const { id } = useParams<{ id?: string }>();
  const [, go] = useLocation();
  if (id === "new") return <div className="page"><Head title="Install an agent"><Link href="/agents">Agents</Link> › a package is a folder with <code>manifest.yaml</code></Head><Editor name="studio.newcomer" onDone={(done) => { go(`/agents/${done}`); }} /></div>;
  return <div className="page">{id ? <Agent key={id} id={id} /> : <List />}</div>;
}
