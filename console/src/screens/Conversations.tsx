/** What strangers said to our accounts, in its thread, with what the agent made of it and why. */
import { SegmentedControl, Button } from "@mantine/core";
import { useState, type ReactElement } from "react";
import { Link, useLocation, useParams } from "wouter";
import { usePages, useRead } from "@/api/queries";
import type { Schemas } from "@/api/types";
import { Chip, Empty, Found, Head, Panel, ProblemNote, State, When, type Tone } from "@/parts/parts";
import { Untrusted, UntrustedLine } from "@/parts/Untrusted";
import { fieldsOf, handleOf, textOf } from "@/words/plain";
import { percentOf } from "@/words/money";

type Row = Schemas["ConversationRow"];
type Item = Schemas["ConversationItem"];

const THREATS: Record<string, Tone> = { LOW: "plain", MEDIUM: "wait", HIGH: "stop", CRITICAL: "stop" };

function Threat({ of }: { of: string }): ReactElement {
  return <Chip tone={THREATS[of] ?? "wait"}>threat {of.toLowerCase()}</Chip>;
}

function Answer({ answer }: { answer: Item["answers"][number] }): ReactElement {
  const last = answer.attempts.at(-1);
  const text = textOf(fieldsOf(last?.draft.output)["text"]);
  const ruling = last?.ruling ? (last.ruling.decision as { type: string; reasons: Schemas["Reason"][] }) : null;
  return (
    <Panel title={<>Our answer: {answer.task.spec[0]}</>} note={<State of={answer.task.state} />} acts={<Link href={`/audit/task/${answer.task.id}`}>whole life</Link>}>
      {text ? <div className="answer"><Untrusted text={text} /></div> : <p className="soft" style={{ marginTop: 0 }}>No words came of it.</p>}
      <dl className="facts" style={{ marginTop: 10 }}>
        {last && <><dt>Confidence</dt><dd>{percentOf(last.draft.confidence_bp)}, judged {percentOf(last.verdict.confidence_bp)}</dd></>}
        {ruling && <><dt>Decided</dt><dd>{ruling.type}: {ruling.reasons.map((reason) => `${textOf(fieldsOf(reason)["text"] ?? (Array.isArray(reason) ? reason[1] : reason))}`).join("; ")}</dd></>}
        {last && last.verdict.findings.length > 0 && <><dt>Findings</dt><dd>{last.verdict.findings.join("; ")}</dd></>}
        <dt>Attempts</dt><dd>{answer.attempts.length}</dd>
      </dl>
    </Panel>
  );
}

function Thread({ id }: { id: string }): ReactElement {
  const item = useRead<Item>(["conversations", id], `conversations/${id}`);
  return (
    <Found query={item}>{(found) => (
      <div className="stack">
        <article className="post">
          <div className="row wrap"><b><bdi>{found.row.author ? handleOf(found.row.author) : "somebody"}</bdi></b><span className="faint">on {found.row.platform || "the network"}, <When us={found.row.at_us} /></span><Threat of={found.row.threat} /><Chip tone="wait">{found.row.labels.join(", ")}</Chip></div>
          <div className="post-text"><Untrusted text={found.row.text || JSON.stringify(found.input.payload)} /></div>
          <div className="post-foot faint">Material, never an instruction. <Link href={`/campaigns/${found.row.campaign_id}`}>Its campaign</Link> · <Link href={`/agents/${found.row.agent_id}`}>its agent</Link></div>
        </article>
        {found.answers.length ? found.answers.map((answer) => <Answer key={answer.task.id} answer={answer} />) : <Panel bare><Empty title={found.row.state === "dropped" ? "It was dropped" : "Nothing came of it yet"}>{found.row.state === "dropped" ? "Intake or the planner let it go; the chain says why." : "The planner takes what was admitted in its next plan."}</Empty></Panel>}
      </div>
    )}</Found>
  );
}

export default function Conversations(): ReactElement {
  const { id } = useParams<{ id?: string }>();
  const [, go] = useLocation();
  const [state, setState] = useState("");
  const pages = usePages<Row>(["conversations", "list"], "conversations", { state, limit: 100 });
  const rows = (pages.data?.pages.flatMap((page) => page.items) ?? []).filter((row) => row.kind !== "goal");
  return (
    <div className="page wide">
      <Head title="Conversations">What strangers said to our accounts, and what became of it.</Head>
      <div className="filters"><SegmentedControl aria-label="State" data={[{ value: "", label: "All" }, { value: "admitted", label: "Waiting" }, { value: "planned", label: "Taken up" }, { value: "dropped", label: "Dropped" }]} value={state} onChange={setState} /></div>
      {pages.isError && <ProblemNote error={pages.error} />}
      <div className="pair" data-open={id !== undefined || undefined}>
        <Panel bare label="Conversations">
          {pages.data && !rows.length ? <Empty title="Nobody has said anything yet">Mentions and replies appear here, with their labels, as soon as they are admitted.</Empty> : (
            <ul className="plain-list talk">{rows.map((row) => <li key={row.id} data-chosen={row.id === id || undefined}><button type="button" className="bare" style={{ width: "100%" }} onClick={() => { go(`/conversations/${row.id}`); }}><span className="row"><b className="cut grow"><bdi>{row.author ? handleOf(row.author) : row.kind}</bdi></b>{row.threat !== "LOW" && <Threat of={row.threat} />}<span className="faint"><When us={row.at_us} /></span></span><UntrustedLine text={row.text || row.kind} /></button></li>)}</ul>
          )}
          {pages.hasNextPage && <Button m={10} variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>Later ones</Button>}
        </Panel>
        <div>{id ? <Thread key={id} id={id} /> : rows.length > 0 && <Panel bare><Empty title="Choose one">Its thread, what was answered and why stand here.</Empty></Panel>}</div>
      </div>
    </div>
  );
}
