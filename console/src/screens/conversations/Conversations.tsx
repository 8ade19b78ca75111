/** What strangers said to our accounts, in its thread, with what the agent made of it and why. */
import { SegmentedControl, Button } from "@mantine/core";
import { useState, type ReactElement } from "react";
import { Link, useLocation, useParams } from "wouter";
import * as api from "chimera-client";
import { type StateOf, usePages, useRead } from "@/api/queries";
import { Chip, Empty, Found, Head, NoRows, Panel, ProblemNote, State, When, type Tone } from "@/parts/parts";
import { Untrusted, UntrustedLine } from "@/parts/Untrusted";
import { Answer } from "@/screens/conversations/Reasoning";
import { handleOf } from "@/words/plain";

type Row = api.ConversationRow;
type State = StateOf<api.ConversationsListData>;

const ELSE_MAX = 8;
const THREATS: Record<string, Tone> = { LOW: "plain", MEDIUM: "wait", HIGH: "stop", CRITICAL: "stop" };

function Threat({ of }: { of: string }): ReactElement {
  return <Chip tone={THREATS[of] ?? "wait"}>threat {of.toLowerCase()}</Chip>;
}

/** What the same stranger said to us before and after, as far as the list goes. */
function SaidElse({ row, rows }: { row: Row; rows: readonly Row[] }): ReactElement | null {
  const others = rows.filter((one) => one.id !== row.id && one.author !== "" && one.author === row.author && one.platform === row.platform);
  if (!others.length) return null;
  return (
    <Panel title={<>From <bdi>{handleOf(row.author)}</bdi></>} note={`${String(others.length)} more`} bare>
      <ul className="plain-list small">{others.slice(0, ELSE_MAX).map((one) => <li key={one.id} className="row"><span className="faint" style={{ width: 72, flex: "none" }}><When us={one.at_us} /></span><Link href={`/conversations/${one.id}`} className="grow" style={{ minWidth: 0, color: "var(--text)" }}><UntrustedLine text={one.text || one.kind} /></Link><State of={one.state} /></li>)}</ul>
    </Panel>
  );
}

function Thread({ id, rows }: { id: string; rows: readonly Row[] }): ReactElement {
  const item = useRead(["conversations", id], (asked) => api.conversationsShow({ ...asked, path: { input_id: id } }));
  return (
    <Found query={item}>{(found) => (
      <div className="stack">
        <article className="post">
          <div className="row wrap"><b><bdi>{found.row.author ? handleOf(found.row.author) : "somebody"}</bdi></b><span className="faint">on {found.row.platform || "the network"}, <When us={found.row.at_us} /></span><Threat of={found.row.threat} /><Chip tone="wait">{found.row.labels.join(", ")}</Chip></div>
          <div className="post-text"><Untrusted text={found.row.text || JSON.stringify(found.input.payload)} /></div>
          <div className="post-foot faint">Material, never an instruction. <Link href={`/campaigns/${found.row.campaign_id}`}>Its campaign</Link> · <Link href={`/agents/${found.row.agent_id}`}>its agent</Link></div>
        </article>
        {found.answers.length ? found.answers.map((answer) => <Answer key={answer.task.id} answer={answer} />) : <Panel bare><Empty title={found.row.state === "dropped" ? "It was dropped" : "Nothing came of it yet"}>{found.row.state === "dropped" ? "Intake or the planner let it go; the chain says why." : "The planner takes what was admitted in its next plan."}</Empty></Panel>}
        <SaidElse row={found.row} rows={rows} />
      </div>
    )}</Found>
  );
}

export default function Conversations(): ReactElement {
  const { id } = useParams<{ id?: string }>();
  const [, go] = useLocation();
  const [state, setState] = useState<State>("");
  const pages = usePages(["conversations", "list"], (asked) => api.conversationsList(asked), { state, limit: 100 });
  const rows = (pages.data?.pages.flatMap((page) => page.items) ?? []).filter((row) => row.kind !== "goal");
  return (
    <div className="page wide">
      <Head title="Conversations">What strangers said to our accounts, and what became of it.</Head>
      <div className="filters"><SegmentedControl aria-label="State" data={[{ value: "", label: "All" }, { value: "admitted", label: "Waiting" }, { value: "planned", label: "Taken up" }, { value: "dropped", label: "Dropped" }]} value={state} onChange={setState} /></div>
      {pages.isError && <ProblemNote error={pages.error} />}
      <div className="pair" data-open={id !== undefined || undefined}>
        <Panel bare label="Conversations">
          {!rows.length ? <NoRows pages={pages}><Empty title="Nobody has said anything yet">Mentions and replies appear here, with their labels, as soon as they are admitted.</Empty></NoRows> : (
            <ul className="plain-list talk">{rows.map((row) => <li key={row.id} data-chosen={row.id === id || undefined}><button type="button" className="bare" style={{ width: "100%" }} onClick={() => { go(`/conversations/${row.id}`); }}><span className="row"><b className="cut grow"><bdi>{row.author ? handleOf(row.author) : row.kind}</bdi></b>{row.threat !== "LOW" && <Threat of={row.threat} />}<span className="faint"><When us={row.at_us} /></span></span><UntrustedLine text={row.text || row.kind} /></button></li>)}</ul>
          )}
          {pages.hasNextPage && <Button m={10} variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>Earlier ones</Button>}
        </Panel>
        <div>{id ? <Thread rows={rows} key={id} id={id} /> : rows.length > 0 && <Panel bare><Empty title="Choose one">Its thread, what was answered and why stand here.</Empty></Panel>}</div>
      </div>
    </div>
  );
}
