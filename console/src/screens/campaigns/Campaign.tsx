/** One campaign: its goal and money, its plan as a live graph, what is to come, what came of it. */
import { Button, Modal, SegmentedControl, Textarea } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useState, type ReactElement } from "react";
import { Link, useLocation } from "wouter";
import * as api from "chimera-client";
import { useRead } from "@/api/queries";
import { Chip, Empty, Figures, Found, Head, Meter, Money, Panel, ProblemNote, State, When } from "@/parts/parts";
import { Untrusted } from "@/parts/Untrusted";
import { Calendar } from "@/screens/campaigns/Calendar";
import { openHalt } from "@/shell/HaltControl";
import { useMay } from "@/session";
import { sayEvent } from "@/words/events";
import { countOf } from "@/words/money";

const Dag = lazy(() => import("@/screens/campaigns/Dag").then(({ Dag: component }) => ({ default: component })));

type Item = api.CampaignItem;
type Step = api.Node;

const STEPS_MAX = 1_000;
const ENDED = ["done", "refused", "failed", "dropped", "in_doubt"];

async function stepsOf(id: string, signal: AbortSignal): Promise<Step[]> {
  const steps: Step[] = [];
  let cursor = "";
  do {
    const page = await api.campaignsPlan({ path: { campaign_id: id }, query: { cursor, limit: 200 }, signal });
    steps.push(...page.nodes);
    cursor = page.next;
  } while (cursor && steps.length < STEPS_MAX);
  return steps;
}

function Results({ steps }: { steps: readonly Step[] }): ReactElement {
  const ended = steps.filter((step) => ENDED.includes(step.state)).reverse();
  if (!ended.length) return <Empty title="Nothing has ended yet">Results appear here as they are settled.</Empty>;
  return (
    <div className="scroll-x"><table className="list"><thead><tr><th>Step</th><th>Kind</th><th>State</th><th className="num">Attempts</th><th>Why</th></tr></thead>
      <tbody>{ended.map((step) => <tr key={step.id}><td><Link href={`/audit/task/${step.id}`}>{step.key.slice(0, 40)}</Link></td><td>{step.spec}</td><td><State of={step.state} /></td><td className="num">{step.attempt}</td><td className="soft">{step.reason || "–"}</td></tr>)}</tbody></table></div>
  );
}

function Cancel({ item }: { item: Item }): ReactElement | null {
  const may = useMay();
  const client = useQueryClient();
  const [isOpen, setOpen] = useState(false);
  const [reason, setReason] = useState("");
  const cancel = useMutation({
    mutationFn: () => api.campaignsCancel({ path: { campaign_id: item.id }, headers: api.from(item.version), body: { reason: reason.trim() } }),
    onSuccess: () => { setOpen(false); void client.invalidateQueries({ queryKey: ["campaigns"] }); },
  });
  if (!may("goal.give") || ["finished", "cancelled"].includes(item.state)) return null;
  return (
    <>
      <Button variant="default" onClick={() => { setOpen(true); }}>Cancel it…</Button>
      <Modal opened={isOpen} onClose={() => { setOpen(false); }} title="Cancel the campaign">
        <form className="stack" onSubmit={(event) => { event.preventDefault(); if (reason.trim()) cancel.mutate(); }}>
          <p className="soft" style={{ margin: 0 }}>Nothing begins in it any more. What was already sent is settled. It cannot be undone.</p>
          <Textarea label="Why" required autosize minRows={2} value={reason} onChange={(event) => { setReason(event.currentTarget.value); }} data-autofocus />
          {cancel.isError && <ProblemNote error={cancel.error} />}
          <div className="row" style={{ justifyContent: "flex-end" }}><Button variant="default" onClick={() => { setOpen(false); }}>Leave it</Button><Button type="submit" color="vermilion" loading={cancel.isPending} disabled={!reason.trim()}>Cancel the campaign</Button></div>
        </form>
      </Modal>
    </>
  );
}

/** Another plan in place of what has not begun; what has begun goes on. */
function Replan({ item }: { item: Item }): ReactElement | null {
  const may = useMay();
  const client = useQueryClient();
  const [isOpen, setOpen] = useState(false);
  const [wish, setWish] = useState("");
  const ask = useMutation({
    mutationFn: () => api.campaignsReplan({ path: { campaign_id: item.id }, body: { wish: wish.trim() } }),
    onSuccess: () => {
      setOpen(false);
      setWish("");
      notifications.show({ message: "The planner reads your wish; its new plan appears here by itself", color: "verdigris" });
      void client.invalidateQueries({ queryKey: ["campaigns"] });
    },
  });
  if (!may("goal.give") || item.state !== "running") return null;
  return (
    <>
      <Button variant="default" onClick={() => { setOpen(true); }}>Plan anew…</Button>
      <Modal opened={isOpen} onClose={() => { setOpen(false); }} title="Another plan">
        <form className="stack" onSubmit={(event) => { event.preventDefault(); if (wish.trim()) ask.mutate(); }}>
          <p className="soft" style={{ margin: 0 }}>Steps that have not begun are replaced by what the planner makes of your wish. What has begun goes on, and answers to people are not touched. Should no sound plan come of it, everything stays as it is.</p>
          <Textarea label="What should be planned instead" placeholder="Only 3 posts more, all about the new map." required autosize minRows={2} maxLength={2000} value={wish} onChange={(event) => { setWish(event.currentTarget.value); }} data-autofocus />
          {ask.isError && <ProblemNote error={ask.error} />}
          <div className="row" style={{ justifyContent: "flex-end" }}><Button variant="default" onClick={() => { setOpen(false); }}>Leave it</Button><Button type="submit" loading={ask.isPending} disabled={!wish.trim()}>Ask for it</Button></div>
        </form>
      </Modal>
    </>
  );
}

const BY_REVIEW = ["draft", "review", "schedule", "engage"];

/** What a person is to look at before the campaign goes on, with the two answers to it. */
function Handover({ item }: { item: Item }): ReactElement | null {
  const may = useMay();
  const client = useQueryClient();
  const [note, setNote] = useState("");
  const answer = useMutation({
    mutationFn: (word: "resume" | "refuse") => {
      const asked = { path: { campaign_id: item.id }, headers: api.from(item.version) };
      return word === "resume" ? api.campaignsResume({ ...asked, body: { note: note.trim() } }) : api.campaignsRefuse({ ...asked, body: { reason: note.trim() } });
    },
    onSuccess: () => { setNote(""); void client.invalidateQueries({ queryKey: ["campaigns"] }); },
  });
  const { waiting } = item;
  if (!waiting) return null;
  return (
    <Panel title={`Waits for a person: ${waiting.stage}`}>
      <p style={{ marginTop: 0 }}><bdi>{waiting.note}</bdi></p>
      <p className="soft">Waits until <When us={waiting.deadline_us} age />. Silence is a no: the campaign is cancelled.</p>
      {BY_REVIEW.includes(waiting.stage) ? <Link href="/reviews">Rule on its reviews</Link> : may("goal.give") && (
        <form className="stack" onSubmit={(event) => { event.preventDefault(); answer.mutate("resume"); }}>
          <Textarea label="What you saw" autosize minRows={1} maxLength={2000} value={note} onChange={(event) => { setNote(event.currentTarget.value); }} />
          {answer.isError && <ProblemNote error={answer.error} />}
          <div className="row"><Button type="submit" loading={answer.isPending}>Let it go on</Button><Button variant="default" disabled={!note.trim() || answer.isPending} onClick={() => { answer.mutate("refuse"); }}>No: cancel it</Button></div>
        </form>
      )}
    </Panel>
  );
}

/** Nothing is planned: either the planner is at it, or it says why it could not. */
function Unplanned({ item }: { item: Item }): ReactElement {
  const refused = useRead(["events", "unplanned", item.id], (asked) => api.eventsList(asked), { query: { kind: "PLAN_REFUSED", record: item.id, limit: 1 } }).data?.items[0];
  if (!refused) return <Empty title="No plan yet">The planner reads the goal now; its first plan appears here by itself. Nothing happens while the agent is not active.</Empty>;
  return (
    <Empty title="No sound plan so far" act={<Link href={`/agents/${item.agent_id}`}>See what the agent may do</Link>}>
      <bdi>{sayEvent(refused)}</bdi> (<When us={refused.at_us} age />). Make the goal plainer, give it more money, or let the agent do what the plan needs: a post needs the capabilities <code>trends</code> and <code>copy</code>.
    </Empty>
  );
}

function Detail({ item }: { item: Item }): ReactElement {
  const [view, setView] = useState("plan");
  const may = useMay();
  const plan = useQuery({ queryKey: ["campaigns", item.id, "plan"], queryFn: ({ signal }) => stepsOf(item.id, signal) });
  const count = (...states: string[]): number => states.reduce((sum, state) => sum + (item.tasks[state] ?? 0), 0);
  return (
    <>
      <Head title={<><bdi className="goal-title">{item.goal.text.slice(0, 120)}</bdi></>} acts={<>{may("halt.set") && !item.halted && <Button variant="default" onClick={() => { openHalt(`campaign:${item.id}`); }}>Halt it…</Button>}<Replan item={item} /><Cancel item={item} /></>}>
        <Link href="/campaigns">Campaigns</Link> › <Link href={`/agents/${item.agent_id}`}>{item.agent_name}</Link> on {item.goal.platform}, opened <When us={item.opened_at_us} age />{item.goal.ends_at_us > 0 && <>, ends <When us={item.goal.ends_at_us} /></>} {item.goal.urgent && <Chip>urgent</Chip>} <State of={item.halted ? "halted" : item.state} />
      </Head>
      <Figures of={[
        { label: "Done", value: countOf(count("done")), note: `of ${countOf(item.tasks_counted)} tasks` },
        { label: "On the way", value: countOf(count("ready", "leased", "granted", "waiting")) },
        { label: "Waiting for people", value: countOf(count("held")) },
        { label: "Refused or failed", value: countOf(count("refused", "failed")) },
        { label: "Stage", value: item.stage.replace("_", " ") },
        { label: "Plans", value: countOf(item.plans) },
        { label: "Spent", value: <Money micros={item.window?.spent_micros ?? 0} />, note: <>of <Money micros={item.goal.budget_micros} /></> },
      ]} />
      <Handover item={item} />
      {item.window && <div style={{ marginBottom: 14 }}><Meter spent={item.window.spent_micros} held={item.window.held_micros} cap={item.window.cap_micros} over={item.window.overrun_micros} /></div>}
      {(item.goal.text.length > 120 || item.goal.constraints.length > 0) && <Panel title="Goal"><Untrusted text={item.goal.text} />{item.goal.constraints.map((one) => <div key={one}><Chip>constraint</Chip> <bdi>{one}</bdi></div>)}</Panel>}
      <div className="filters" style={{ marginTop: 14 }}><SegmentedControl aria-label="View" data={[{ value: "plan", label: "Plan" }, { value: "calendar", label: "Calendar" }, { value: "results", label: "Results" }]} value={view} onChange={setView} /><span className="faint">{{ plan: "The graph is live. Choose a step to see its whole life.", calendar: `Times are in your zone, ${Intl.DateTimeFormat().resolvedOptions().timeZone}.`, results: "" }[view]}</span></div>
      <Found query={plan}>{(steps) => (
        <Panel bare label={view}>
          {steps.length === 0 ? <Unplanned item={item} />
            : view === "plan" ? <Suspense fallback={null}><Dag steps={steps} /></Suspense>
              : view === "calendar" ? <Calendar campaignId={item.id} steps={steps} /> : <Results steps={steps} />}
        </Panel>
      )}</Found>
    </>
  );
}

export function Campaign({ id }: { id: string }): ReactElement {
  const item = useRead(["campaigns", id], (asked) => api.campaignsShow({ ...asked, path: { campaign_id: id } }));
  const [, go] = useLocation();
  return <Found query={item} empty={<Button onClick={() => { go("/campaigns"); }}>All campaigns</Button>}>{(found) => <Detail item={found} />}</Found>;
}
