/** One agent: who it is in public, what it may do in plain words, its money, its versions. */
import { Button, Menu, Tabs } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { Link } from "wouter";
import * as api from "chimera-client";
import { usePages, useRead } from "@/api/queries";
import { Chip, Empty, Figures, Found, Head, Meter, Money, NoRows, Panel, ProblemNote, State } from "@/parts/parts";
import { Untrusted, UntrustedLine } from "@/parts/Untrusted";
import { Editor, Permissions } from "@/screens/agents/Editor";
import { Manifest } from "@/screens/agents/Manifest";
import { Memories } from "@/screens/agents/Memories";
import { Scorecards } from "@/screens/agents/Scorecards";
import { Variants } from "@/screens/agents/Variants";
import { textOfEdition, useEditions, Versions } from "@/screens/agents/Versions";
import { openHalt } from "@/shell/HaltControl";
import { useMay } from "@/session";
import { handleOf } from "@/words/plain";
import { percentOf } from "@/words/money";

type Item = api.AgentItem;
type Command = api.AgentsChangeData["body"]["command"];
const NEXT: Record<string, { command: Command; label: string }[]> = {
  installed: [{ command: "activate", label: "Activate" }, { command: "retire", label: "Retire" }],
  active: [{ command: "pause", label: "Pause" }, { command: "retire", label: "Retire" }],
  paused: [{ command: "activate", label: "Activate" }, { command: "retire", label: "Retire" }],
};

function Acts({ item }: { item: Item }): ReactElement | null {
  const may = useMay();
  const client = useQueryClient();
  const change = useMutation({ mutationFn: (command: Command) => api.agentsChange({ path: { agent_id: item.id }, headers: api.from(item.version), body: { command } }), onSettled: () => client.invalidateQueries({ queryKey: ["agents"] }) });
  return (
    <>
      {change.isError && <ProblemNote error={change.error} />}
      {may("halt.set") && !item.halted && <Button variant="default" onClick={() => { openHalt(`agent:${item.id}`); }}>Halt it…</Button>}
      {may("agent.change") && NEXT[item.state] && (
        <Menu><Menu.Target><Button variant="default" loading={change.isPending}>State: {item.state}</Button></Menu.Target><Menu.Dropdown>{NEXT[item.state]?.map((one) => <Menu.Item key={one.command} onClick={() => { change.mutate(one.command); }}>{one.label}</Menu.Item>)}</Menu.Dropdown></Menu>
      )}
    </>
  );
}

function Persona({ item }: { item: Item }): ReactElement {
  const { persona } = item;
  return (
    <Panel title="Who it is in public">
      <dl className="facts">
        <dt>Voice</dt><dd><Untrusted text={persona.voice} /></dd>
        <dt>Says it is an AI</dt><dd>{persona.disclosure || <Chip tone="stop">no disclosure</Chip>}</dd>
        <dt>Speaks about</dt><dd>{persona.interests.join(", ") || "–"}</dd>
        <dt>Avoids</dt><dd>{persona.avoid.join(", ") || "–"}</dd>
        {persona.cast.length > 0 && <><dt>Cast</dt><dd>{persona.cast.join(", ")}</dd></>}
        <dt>Accounts</dt><dd>{item.accounts.map((account) => <div key={account.platform + account.handle}><bdi>{handleOf(account.handle)}</bdi> <span className="faint">on {account.platform}</span></div>)}</dd>
      </dl>
    </Panel>
  );
}

function Campaigns({ id }: { id: string }): ReactElement {
  const pages = usePages(["campaigns", "of", id], (asked) => api.campaignsList(asked), { agent: id, limit: 20 });
  const rows = pages.data?.pages.flatMap((page) => page.items) ?? [];
  return <Panel title="Campaigns" bare>{!rows.length ? <NoRows pages={pages}><Empty title="None yet" /></NoRows> : <ul className="plain-list">{rows.map((row) => <li key={row.id} className="row"><Link href={`/campaigns/${row.id}`} className="grow" style={{ minWidth: 0, color: "var(--text)" }}><UntrustedLine text={row.goal.text} /></Link><State of={row.state} /></li>)}</ul>}</Panel>;
}

/** Writing the next version begins with the manifest that is in force. */
function NextVersion({ item }: { item: Item }): ReactElement {
  const editions = useEditions(item.id);
  return <Found query={editions}>{({ items }) => <Editor name={item.package} installed={item} manifest={textOfEdition(items.find((one) => one.in_force))} onDone={() => { location.reload(); }} />}</Found>;
}

function Detail({ item }: { item: Item }): ReactElement {
  const may = useMay();
  const spent = item.today;
  return (
    <>
      <Head title={item.persona.name} acts={<Acts item={item} />}><Link href="/agents">Agents</Link> › {item.name}, version {item.package_version} <State of={item.halted ? "halted" : item.state} /></Head>
      <Figures of={[
        { label: "Spent today", value: <Money micros={spent?.spent_micros ?? 0} />, note: <>of <Money micros={spent?.cap_micros ?? item.budget_micros_day} /></> },
        { label: "Set aside", value: <Money micros={spent?.held_micros ?? 0} /> },
        { label: "Asks below", value: item.confidence_floor_bp ? percentOf(item.confidence_floor_bp) : "–", note: "confidence, learnt from people" },
        { label: "Rulings so far", value: item.rulings },
        { label: "May do", value: item.permissions.length, note: `of ${String(item.permissions.length + item.not_permitted.length)} things` },
      ]} />
      {spent && <div style={{ marginBottom: 14 }}><Meter spent={spent.spent_micros} held={spent.held_micros} cap={spent.cap_micros} over={spent.overrun_micros} /></div>}
      <Tabs defaultValue="about" keepMounted={false}>
        <Tabs.List mb={14}><Tabs.Tab value="about">About</Tabs.Tab><Tabs.Tab value="may">Permissions</Tabs.Tab><Tabs.Tab value="manifest">How it works</Tabs.Tab>{may("data.look") && <Tabs.Tab value="memory">Memory</Tabs.Tab>}<Tabs.Tab value="versions">Versions</Tabs.Tab><Tabs.Tab value="variants">Variants</Tabs.Tab><Tabs.Tab value="cards">Rehearsals</Tabs.Tab>{may("agent.change") && <Tabs.Tab value="edit">New version</Tabs.Tab>}</Tabs.List>
        <Tabs.Panel value="about"><div className="grid two"><Persona item={item} /><div className="stack"><Panel title="Goals" bare><ul className="plain-list">{item.goals.map((goal) => <li key={goal}><bdi>{goal}</bdi></li>)}</ul></Panel><Campaigns id={item.id} /></div></div></Tabs.Panel>
        <Tabs.Panel value="may"><div className="grid two"><Panel title="It may" bare><Permissions of={item.permissions} tone="go" /></Panel><Panel title="It may not" note="what is not listed is denied" bare><Permissions of={item.not_permitted} tone="plain" /></Panel></div></Tabs.Panel>
        <Tabs.Panel value="manifest"><Manifest item={item} /></Tabs.Panel>
        <Tabs.Panel value="memory"><Memories id={item.id} /></Tabs.Panel>
        <Tabs.Panel value="versions"><Versions item={item} /></Tabs.Panel>
        <Tabs.Panel value="variants"><Variants id={item.id} /></Tabs.Panel>
        <Tabs.Panel value="cards"><Scorecards id={item.id} /></Tabs.Panel>
        <Tabs.Panel value="edit"><NextVersion item={item} /></Tabs.Panel>
      </Tabs>
    </>
  );
}

export function Agent({ id }: { id: string }): ReactElement {
  const item = useRead(["agents", id], (asked) => api.agentsShow({ ...asked, path: { agent_id: id } }));
  return <Found query={item}>{(found) => <Detail item={found} />}</Found>;
}
