/** What speaks for and against: rules, confidence, whose words, what it costs, what it was made from, what happened. */
import { Button, Textarea } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { Link } from "wouter";
import * as api from "chimera-client";
import { useRead } from "@/api/queries";
import { Chip, Found, Hash, Meter, Money, Panel, ProblemNote, When } from "@/parts/parts";
import { Untrusted } from "@/parts/Untrusted";
import { sayEvent } from "@/words/events";
import { fieldsOf, textOf } from "@/words/plain";
import { percentOf } from "@/words/money";

type Item = api.ReviewItem;

export function Rules({ item }: { item: Item }): ReactElement {
  return (
    <Panel title="Why a person is asked" bare>
      <ul className="plain-list">
        {item.rules.map((rule, index) => (
          <li key={index}>{rule.text}{rule.rule && <> <Link href={`/policy?rule=${encodeURIComponent(rule.rule)}`} className="hash">{rule.rule}</Link></>}</li>
        ))}
        {item.findings.map((finding, index) => <li key={`finding-${String(index)}`}><Chip tone="wait">judge</Chip> {finding}</li>)}
      </ul>
    </Panel>
  );
}

export function Signals({ item }: { item: Item }): ReactElement {
  const { question } = item.review;
  const strangers = item.spans.filter((span) => span.tainted).length;
  return (
    <Panel title="Signals">
      <dl className="facts">
        <dt>Confidence</dt><dd><div className="row"><b>{percentOf(question.confidence_bp)}</b><div className="grow"><Meter spent={question.confidence_bp} held={0} cap={10_000} /></div></div></dd>
        <dt>Words</dt><dd>{item.row.tainted ? <><Chip tone="wait">strangers had a part</Chip>{strangers > 0 && <span className="faint"> {strangers === 1 ? "one run is" : `${String(strangers)} runs are`} theirs</span>}</> : <Chip tone="go">our own</Chip>}</dd>
        <dt>Labels</dt><dd>{question.labels.join(", ") || "none"}</dd>
        <dt>Threat</dt><dd>{question.threat.toLowerCase()}</dd>
        <dt>Asked of</dt><dd>{item.row.role}</dd>
        <dt>Bytes</dt><dd><Hash of={item.row.digest} length={20} /></dd>
      </dl>
    </Panel>
  );
}

const nameOf = (id: string): string => {
  const [scope = "", period = ""] = id.split("|");
  const kind = scope.split(":")[0] ?? scope;
  return `${kind}, ${period === "total" ? "in all" : `this ${period}`}`;
};

export function Budget({ item }: { item: Item }): ReactElement {
  const cost = item.row.cost_micros;
  return (
    <Panel title="Money" note={item.fits_budget ? <>takes <Money micros={cost} /></> : <Chip tone="stop">does not fit</Chip>}>
      <div className="stack" style={{ gap: 8 }}>
        {item.windows.map((window) => (
          <div key={window.id} title={window.id}>
            <div className="row" style={{ fontSize: 12.5 }}><span className="soft">{nameOf(window.id)}</span><span className="grow" /><span><Money micros={window.room_micros} /> left</span></div>
            <Meter spent={window.spent_micros} held={window.held_micros + cost} cap={window.cap_micros} over={window.overrun_micros} />
          </div>
        ))}
      </div>
    </Panel>
  );
}

export function Sources({ item }: { item: Item }): ReactElement | null {
  if (!item.sources.length) return null;
  return (
    <Panel title="What it was made from" bare>
      <ul className="plain-list">
        {item.sources.map((source, index) => {
          const isStrange = source.labels.some((label) => label === "public" || label.startsWith("tool:"));
          const told = Object.entries(fieldsOf(source.content)).filter(([, value]) => textOf(value) !== "");
          return (
            <li key={index}>
              <details>
                <summary><b>{source.name}</b> <Chip tone={isStrange ? "wait" : "plain"}>{source.labels.join(", ") || "no label"}</Chip></summary>
                <dl className="facts" style={{ marginTop: 8 }}>{told.map(([name, value]) => <div key={name} style={{ display: "contents" }}><dt>{name.replaceAll("_", " ")}</dt><dd><Untrusted text={textOf(value)} /></dd></div>)}</dl>
              </details>
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}

export function History({ item }: { item: Item }): ReactElement {
  const events = useRead(["events", "task", item.review.task_id], (asked) => api.eventsList(asked), { query: { record: item.review.task_id, limit: 30 } });
  return (
    <Panel title="So far" acts={<Link href={`/audit/task/${item.review.task_id}`}>whole life</Link>} bare>
      <Found query={events}>{(page) => <ul className="plain-list small">{[...page.items].reverse().map((event, index) => <li key={index} className="row" style={{ alignItems: "baseline" }}><span className="faint" style={{ width: 62, flex: "none" }}><When us={event.at_us} /></span><span className="grow">{sayEvent(event)}</span></li>)}</ul>}</Found>
    </Panel>
  );
}

/** Notes of one's own on a review: kept with it, read by nobody else. What is being written survives a reload. */
export function PrivateNotes({ id }: { id: string }): ReactElement {
  const client = useQueryClient();
  const notes = useRead(["reviews", "notes", id], (asked) => api.reviewsNotes({ ...asked, path: { review_id: id } }));
  const [text, setText] = useLocalStorage({ key: `chimera-note-${id}`, defaultValue: "" });
  const keep = useMutation({
    mutationFn: () => api.reviewsNote({ path: { review_id: id }, body: { text: text.trim() } }),
    onSuccess: () => { setText(""); void client.invalidateQueries({ queryKey: ["reviews", "notes", id] }); },
  });
  const isReady = text.trim() !== "" && !keep.isPending;
  return (
    <Panel title="Private notes" note="nobody else reads them">
      <form className="stack" onSubmit={(event) => { event.preventDefault(); if (isReady) keep.mutate(); }}>
        {notes.isError && <ProblemNote error={notes.error} />}
        {(notes.data?.items ?? []).map((note) => <div key={note.id}><Untrusted text={note.text} /><div className="faint" style={{ fontSize: 12 }}><When us={note.at_us} /></div></div>)}
        <Textarea aria-label="Private note" autosize minRows={2} maxRows={8} maxLength={2000} placeholder="For you alone" value={text} onChange={(event) => { setText(event.currentTarget.value); }} onKeyDown={(event) => { if (event.key === "Enter" && (event.metaKey || event.ctrlKey) && isReady) keep.mutate(); }} />
        {keep.isError && <ProblemNote error={keep.error} />}
        {text.trim() !== "" && <div><Button type="submit" size="compact-sm" variant="default" loading={keep.isPending}>Keep it</Button></div>}
      </form>
    </Panel>
  );
}
