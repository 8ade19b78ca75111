/** One task's whole life on one page: in a line, as a timeline, or all of it. */
import { Button, SegmentedControl, Textarea } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import { Link, useLocation } from "wouter";
import * as api from "chimera-client";
import { useRead } from "@/api/queries";
import { Dialogue } from "@/parts/Dialogue";
import { Icon } from "@/parts/Icon";
import { Chip, Found, Hash, Head, Money, Panel, State, When } from "@/parts/parts";
import { Untrusted } from "@/parts/Untrusted";
import { PostCard } from "@/screens/reviews/PostCard";
import { useMay } from "@/session";
import { EVENT_TONES, sayEvent } from "@/words/events";
import { fieldsOf, textOf } from "@/words/plain";
import { percentOf } from "@/words/money";
import { save } from "@/words/save";
import { spanOf } from "@/words/time";

type Trace = api.Trace;
type View = "compact" | "timeline" | "full";

interface Stage { name: string; state: "done" | "bad" | "none"; note: string; atUs: number }

function stagesOf(trace: Trace): Stage[] {
  const { attempts, reviews, grant, seal, performance: deed, task } = trace;
  const at = (...kinds: string[]): number => trace.events.findLast((event) => kinds.includes(event.kind))?.at_us ?? 0;
  const last = attempts.at(-1);
  // Somebody's word stands also when another look is owed after it.
  const review = reviews.findLast((one) => one.outcome !== "") ?? reviews.at(-1);
  const owed = reviews.findLast((one) => one.outcome === "" && one !== review);
  const decided = trace.events.findLast((event) => event.kind.startsWith("ACTION_"))?.kind ?? "";
  const state = (is: boolean, bad = false): Stage["state"] => (bad ? "bad" : is ? "done" : "none");
  return [
    { name: "Heard", state: state(true), note: trace.input ? `${trace.input.kind}, threat ${trace.input.threat.toLowerCase()}` : "from its plan", atUs: trace.input?.admitted_at_us ?? 0 },
    { name: "Drafted", state: state(attempts.length > 0), note: last ? `attempt ${String(attempts.length)}` : "", atUs: 0 },
    { name: "Judged", state: state(last?.verdict.accepted === true, last !== undefined && !last.verdict.accepted), note: last ? percentOf(last.verdict.confidence_bp) : "", atUs: at("DRAFT_JUDGED") },
    { name: "Decided", state: state(decided !== "", decided === "ACTION_DENIED"), note: decided.replace("ACTION_", "").toLowerCase(), atUs: at("ACTION_GRANTED", "ACTION_ESCALATED", "ACTION_DENIED") },
    { name: "Reviewed", state: state(review !== undefined && review.outcome !== "", review?.outcome === "rejected" || review?.state === "expired"), note: review ? [review.outcome || review.state, owed && `then ${owed.state}`].filter(Boolean).join(", ") : "not needed", atUs: at("REVIEW_RULED", "REVIEW_EXPIRED") },
    { name: "Granted", state: state(grant !== null), note: grant ? grant.terms.approver || "by policy" : "", atUs: at("ACTION_GRANTED") },
    { name: "Sealed", state: state(seal !== null), note: trace.batch ? `of ${String(trace.batch.count)}` : "", atUs: at("GRANTS_SEALED") },
    { name: "Done", state: state(deed?.state === "finished", deed?.state === "failed" || deed?.state === "in_doubt"), note: deed !== null ? deed.state.replace("_", " ") : "", atUs: at("EFFECT_FINISHED", "EFFECT_FAILED", "EFFECT_IN_DOUBT") },
    { name: "Settled", state: state(task.state === "done", ["failed", "refused", "dropped"].includes(task.state)), note: task.state.replace("_", " "), atUs: at("TASK_SETTLED") },
  ];
}

function Line({ trace }: { trace: Trace }): ReactElement {
  return (
    <ol className="life" aria-label="Its life in a line">
      {stagesOf(trace).map((stage) => (
        <li key={stage.name} data-state={stage.state}><i>{stage.state === "done" ? <Icon name="check" size={12} /> : stage.state === "bad" ? <Icon name="cross" size={12} /> : null}</i><b>{stage.name}</b><span>{stage.note || "–"}</span>{stage.atUs > 0 && <span className="faint"><When us={stage.atUs} /></span>}</li>
      ))}
    </ol>
  );
}

/** What the chain took for a payment, as `chimera spend explain` says it; nothing of other acts. */
function carriedBy(receipt: Record<string, unknown>): string {
  if (!("saved_wei" in receipt)) return "";
  const places = Number(receipt["places"] ?? 1);
  const shared = places > 1 ? `, place ${String(Number(receipt["place"]) + 1)} of ${String(places)} in one transaction` : "";
  return `by ${textOf(receipt["network"])} in ${textOf(receipt["hash"])}${shared}: its fee was ${textOf(receipt["fee_wei"])} wei, ${textOf(receipt["saved_wei"])} less than alone and without care`;
}

function Words({ trace }: { trace: Trace }): ReactElement {
  const action = trace.grant?.action ?? trace.reviews.at(-1)?.question.action ?? trace.attempts.at(-1)?.draft.action ?? null;
  const persona = trace.attempts.at(-1)?.assignment.persona ?? null;
  const carried = carriedBy(fieldsOf(trace.performance?.receipt));
  const reasons = trace.grant?.reasons ?? trace.reviews.at(-1)?.reasons ?? [];
  return (
    <div className="grid two">
      {action ? <PostCard action={action} args={fieldsOf(action.arguments)} persona={persona} /> : <Panel title="Result"><dl className="facts">{Object.entries(fieldsOf(trace.attempts.at(-1)?.draft.output)).map(([name, value]) => <div key={name} style={{ display: "contents" }}><dt>{name}</dt><dd><Untrusted text={textOf(value)} /></dd></div>)}</dl></Panel>}
      <Panel title="Why it was allowed, and what it cost">
        <dl className="facts">
          <dt>Reasons</dt><dd>{reasons.length ? reasons.map((reason) => <div key={reason}>{reason}</div>) : "no decision on record"}</dd>
          <dt>Labels</dt><dd>{trace.task.labels.join(", ") || "none"}</dd>
          {trace.hold && <><dt>Set aside</dt><dd><Money micros={trace.hold.amount_micros} /> <State of={trace.hold.state} /> spent <Money micros={trace.hold.captured_micros} /></dd></>}
          {trace.grant && <><dt>Policy</dt><dd><Hash of={trace.grant.terms.policy_digest} length={16} /></dd><dt>Bytes</dt><dd><Hash of={trace.grant.terms.action_digest} length={16} /></dd></>}
          {trace.batch && <><dt>Seal</dt><dd>root <Hash of={trace.batch.root} length={16} />, key <Hash of={trace.batch.key_id} /></dd></>}
          {carried !== "" && <><dt>Carried</dt><dd>{carried}</dd></>}
          {trace.task.reason && <><dt>Ended</dt><dd><Untrusted text={trace.task.reason} /></dd></>}
        </dl>
      </Panel>
    </div>
  );
}

function Timeline({ trace }: { trace: Trace }): ReactElement {
  const first = trace.events[0]?.at_us ?? 0;
  return (
    <Panel title="Timeline" bare>
      <ul className="plain-list">{trace.events.map((event, index) => (
        <li key={index} className="row" style={{ alignItems: "baseline" }}>
          <span className="faint" style={{ width: 70 }}><When us={event.at_us} /></span><span className="faint" style={{ width: 62 }}>+{event.at_us - first < 1_000_000 ? `${String(Math.round((event.at_us - first) / 1000))} ms` : spanOf(event.at_us - first)}</span>
          <Chip tone={EVENT_TONES[event.kind] ?? "plain"}>{event.kind.toLowerCase().replaceAll("_", " ")}</Chip><span className="grow"><bdi>{sayEvent(event)}</bdi></span>{event.chain && <span className="faint">{event.sequence}</span>}
        </li>
      ))}</ul>
    </Panel>
  );
}

function Full({ trace }: { trace: Trace }): ReactElement {
  const parts = { task: trace.task, input: trace.input, attempts: trace.attempts, reviews: trace.reviews, grant: trace.grant, hold: trace.hold, seal: trace.seal, batch: trace.batch, performance: trace.performance, events: trace.events };
  return <div className="stack">{Object.entries(parts).filter(([, part]) => part !== null && !(Array.isArray(part) && part.length === 0)).map(([name, part]) => <Panel key={name} title={name}><pre className="bytes" tabIndex={0}>{JSON.stringify(part, null, 2)}</pre></Panel>)}</div>;
}

/** What failed is tried anew, once: another task with the same input, under today's limits. */
function Redrive({ trace }: { trace: Trace }): ReactElement | null {
  const may = useMay();
  const client = useQueryClient();
  const [, go] = useLocation();
  const [isOpen, setOpen] = useState(false);
  const [reason, setReason] = useState("");
  const redrive = useMutation({
    mutationFn: () => api.tasksRedrive({ path: { task_id: trace.task.id }, body: { reason: reason.trim() } }),
    onSuccess: (made) => {
      setOpen(false);
      void client.invalidateQueries({ queryKey: ["tasks"] });
      notifications.show({ message: made.followers.length ? `It is tried anew, and ${String(made.followers.length)} that were dropped wait for it again` : "It is tried anew", color: "verdigris" });
      go(`/audit/task/${made.task.id}`);
    },
  });
  if (!may("goal.give") || trace.task.state !== "failed") return null;
  return (
    <>
      <Button variant="default" onClick={() => { setOpen(true); }}>Try anew…</Button>
      <Dialogue title="Try it anew" isOpen={isOpen} onClose={() => { setOpen(false); }} does="Try it anew" isReady={reason.trim() !== ""} isBusy={redrive.isPending} error={redrive.error} onDone={() => { redrive.mutate(); }}>
        <dl className="facts"><dt>It failed</dt><dd><Untrusted text={trace.task.reason} /></dd></dl>
        <p className="soft" style={{ margin: 0 }}>Another task with the same input is tried, once, with what was dropped because of this one. Today's policy, budget and halts decide; what may have happened already is not done again.</p>
        <Textarea label="Why it should go better now" required autosize minRows={2} maxLength={500} value={reason} onChange={(event) => { setReason(event.currentTarget.value); }} data-autofocus />
      </Dialogue>
    </>
  );
}

export function TaskLife({ id }: { id: string }): ReactElement {
  const [view, setView] = useState<View>("compact");
  const trace = useRead(["tasks", id, "trace"], (asked) => api.tasksTrace({ ...asked, path: { task_id: id } }));
  return (
    <Found query={trace}>{(found) => (
      <>
        <Head title={<>{found.task.spec[0]} <State of={found.task.state} /></>} acts={<><Redrive trace={found} /><SegmentedControl aria-label="How much" data={[{ value: "compact", label: "Compact" }, { value: "timeline", label: "Timeline" }, { value: "full", label: "Full" }]} value={view} onChange={(value) => { setView(value as View); }} /><Button variant="default" onClick={() => { save(`task-${id}.json`, JSON.stringify(found, null, 2), "application/json"); }}>Export</Button></>}>
          <Link href="/audit">Audit</Link> › <span className="hash">{id}</span> · <Link href={`/campaigns/${found.task.campaign_id}`}>its campaign</Link> · <Link href={`/agents/${found.task.agent_id}`}>its agent</Link>
        </Head>
        <div className="stack"><Line trace={found} />{view === "compact" ? <Words trace={found} /> : view === "timeline" ? <Timeline trace={found} /> : <Full trace={found} />}</div>
      </>
    )}</Found>
  );
}
