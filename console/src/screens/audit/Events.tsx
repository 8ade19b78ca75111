/** The chain to look through: by kind, record, writer and time; each event opens to what exactly was recorded. */
import { Button, Select, TextInput } from "@mantine/core";
import { Fragment, useMemo, useState, type ReactElement } from "react";
import { Link, useLocation, useSearchParams } from "wouter";
import * as api from "chimera-client";
import { usePages, useRead } from "@/api/queries";
import { Chip, Empty, Found, Hash, Panel, ProblemNote, When } from "@/parts/parts";
import { useMay } from "@/session";
import { EVENT_TONES, sayEvent } from "@/words/events";
import { save } from "@/words/save";

type Line = api.EventLine;

const KINDS = [
  "WRITER_OPENED", "AGENT_INSTALLED", "AGENT_CHANGED", "AGENT_REHEARSED", "REQUEST_VALIDATED", "CAP_SET", "REVENUE_BOOKED", "INPUT_ADMITTED", "INPUT_REFUSED", "INPUT_ESCALATED", "INPUT_DROPPED",
  "CAMPAIGN_OPENED", "CAMPAIGN_CHANGED", "PLAN_ADOPTED", "PLAN_REFUSED", "DRAFT_JUDGED", "WORK_FAILED", "WORK_HELD_BACK", "WORK_LET_GO", "TASK_POSTPONED", "VARIANTS_CHOSEN", "POST_MEASURED", "TASK_RESCHEDULED", "TASK_CANCELLED", "TASK_REDRIVEN",
  "ACTION_GRANTED", "ACTION_ESCALATED", "ACTION_DENIED", "GRANTS_SEALED", "GRANT_LAPSED", "REVIEW_RULED", "REVIEW_EXPIRED", "REVIEW_OWED", "REVIEW_CLAIMED", "REVIEW_RELEASED",
  "REVIEW_ASSIGNED", "REVIEW_CLOSED", "TAKE_DOWN_ORDERED", "REMARK_KEPT", "DECOY_PLANTED", "EFFECT_STARTED", "EFFECT_RESENT", "EFFECT_FINISHED", "EFFECT_FAILED", "EFFECT_IN_DOUBT",
  "TASK_SETTLED", "MODEL_COST_HELD", "MODEL_COST_RELEASED", "TRANSFER_RESERVED", "TRANSFER_SENT", "TRANSFER_SEEN", "HALTED", "PAUSED", "RESUMED", "HALT_OUTLIVED", "DATA_READ", "RECORDS_DROPPED", "MEDIA_DROPPED", "PERSON_EXPORTED", "PERSON_ERASED",
  "CONSENT_CHANGED", "POLICY_PROPOSED", "POLICY_APPLIED", "POLICY_WITHDRAWN", "CHECKPOINT_SIGNED", "TOOL_PINNED", "TOOL_REVOKED", "AGENT_KEY_SET", "AGENT_KEY_REVOKED", "PEER_SEEN", "PEER_ALLOWED", "PEER_BLOCKED", "ACCESS_ASKED", "ACCESS_ADMITTED", "ACCESS_REFUSED", "ACCESS_CODED", "ACCESS_OPENED", "ACCESS_RENEWED", "ACCESS_REVOKED", "PERSON_ADDED",
  "PERSON_CHANGED", "LOGIN_TRIED", "LOGIN_REFUSED", "LOGGED_IN", "LOGGED_OUT", "SESSION_SEEN", "TOKEN_ISSUED", "TOKEN_REVOKED", "WEBHOOK_SET", "WEBHOOK_CHANGED", "MEMORY_KEPT",
  "MEMORY_LABELLED", "MEMORY_FORGOTTEN",
];
const TASKLIKE = /^(DRAFT|WORK|ACTION|GRANT_|REVIEW|EFFECT|TASK)/;
const ID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;
const HOURS = [{ value: "0", label: "Any time" }, { value: "1", label: "Last hour" }, { value: "24", label: "Last day" }, { value: "168", label: "Last week" }];
const HOUR_MS = 3_600_000;

/** Where an event stands; for whoever may not read the chains, where it stands in the list. */
const placeOf = (line: Line, index: number): string => (line.chain ? `${line.chain}${String(line.sequence)}` : `${String(index)} ${String(line.at_us)}`);

function Entry({ line }: { line: Line }): ReactElement {
  const [isOpen, setOpen] = useState(false);
  return (
    <Fragment>
      <tr className="link" onClick={() => { setOpen(!isOpen); }}>
        <td style={{ whiteSpace: "nowrap" }}><When us={line.at_us} /></td>
        <td><Chip tone={EVENT_TONES[line.kind] ?? "plain"}>{line.kind.toLowerCase().replaceAll("_", " ")}</Chip></td>
        <td><button type="button" className="bare" aria-expanded={isOpen}><bdi>{sayEvent(line).slice(0, 220)}</bdi></button></td>
        <td className="faint" style={{ whiteSpace: "nowrap" }}>{line.chain ? `${line.chain.slice(0, 18)} · ${String(line.sequence)}` : "–"}</td>
      </tr>
      {isOpen && (
        <tr><td colSpan={4} style={{ background: "var(--sunken)" }}>
          <dl className="facts" style={{ marginBottom: 8 }}><dt>About</dt><dd className="hash">{TASKLIKE.test(line.kind) && ID.test(line.subject) ? <Link href={`/audit/task/${line.subject}`}>{line.subject} – whole life</Link> : line.subject}</dd>{line.hash && <><dt>Hash</dt><dd><Hash of={line.hash} length={64} /></dd></>}</dl>
          <pre className="bytes" tabIndex={0}>{JSON.stringify(line.data, null, 2)}</pre>
        </td></tr>
      )}
    </Fragment>
  );
}

export function Events(): ReactElement {
  const may = useMay();
  const [, go] = useLocation();
  const [search] = useSearchParams();
  const [kind, setKind] = useState(search.get("kind") ?? "");
  const [record, setRecord] = useState(search.get("record") ?? "");
  const [chain, setChain] = useState("");
  const [hours, setHours] = useState("0");
  const sinceUs = useMemo(() => (hours === "0" ? 0 : (Date.now() - Number(hours) * HOUR_MS) * 1000), [hours]);
  const chains = useRead(["audit", "chains"], (asked) => api.auditChains(asked), { when: may("audit.look") });
  const isWhole = record === "" || ID.test(record.trim());
  const events = usePages(["events", "list"], (asked) => api.eventsList(asked), { kind, record: isWhole ? record.trim() : "", chain, since_us: sinceUs || undefined, limit: 100 });
  const lines = events.data?.pages.flatMap((page) => page.items) ?? [];
  const download = (): void => { save("events.jsonl", lines.map((line) => JSON.stringify(line)).join("\n") + "\n", "application/x-ndjson"); };
  return (
    <>
      <div className="filters">
        <Select w={200} aria-label="Kind" searchable clearable placeholder="Every kind" data={KINDS.map((one) => ({ value: one, label: one.toLowerCase().replaceAll("_", " ") }))} value={kind || null} onChange={(value) => { setKind(value ?? ""); }} />
        <TextInput w={310} aria-label="Record" placeholder="A record’s id: task, campaign, review…" value={record} onChange={(event) => { setRecord(event.currentTarget.value); }} error={isWhole ? undefined : "the whole id, please"} />
        {chains.data && <Select w={190} aria-label="Chain" clearable placeholder="Every chain" data={chains.data.chains.map((one) => one.chain)} value={chain || null} onChange={(value) => { setChain(value ?? ""); }} />}
        <Select w={130} aria-label="Since" data={HOURS} value={hours} allowDeselect={false} onChange={(value) => { setHours(value ?? "0"); }} />
        {ID.test(record.trim()) && <Button variant="default" onClick={() => { go(`/audit/task/${record.trim()}`); }}>As a task’s life</Button>}
        <span className="grow" />
        <Button variant="default" disabled={!lines.length} onClick={download}>Export what is shown</Button>
      </div>
      {events.isError && <ProblemNote error={events.error} />}
      <Panel bare label="Events">
        <Found query={{ ...events, data: events.data } as never}>{() => (lines.length ? (
          <div className="scroll-x"><table className="list"><thead><tr><th>When</th><th>What</th><th>In words</th><th>Chain</th></tr></thead><tbody>{lines.map((line, index) => <Entry key={placeOf(line, index)} line={line} />)}</tbody></table></div>
        ) : <Empty title="No such event">{events.hasNextPage ? "Not among the newest; look further back." : "Nothing in the chain matches all of these filters."}</Empty>)}</Found>
      </Panel>
      {events.hasNextPage && <Button mt={12} variant="default" loading={events.isFetchingNextPage} onClick={() => void events.fetchNextPage()}>Further back</Button>}
    </>
  );
}
