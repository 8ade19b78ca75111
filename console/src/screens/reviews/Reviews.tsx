/** The desk. Two hundred of them before lunch: j/k, a, e, r, x, and a few seconds to take each back. */
import { Button, SegmentedControl, Select, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState, type ReactElement } from "react";
import { useLocation, useParams } from "wouter";
import * as api from "chimera-client";
import { type StateOf, usePages } from "@/api/queries";
import { useNowUs } from "@/live/now";
import { Empty, NoRows, ProblemNote } from "@/parts/parts";
import { SayForm } from "@/screens/reviews/Compose";
import { itemQuery, ReviewItem, useItem, type Mode } from "@/screens/reviews/ReviewItem";
import { linesOf, mayBatch, ReviewList, type Grouping, type Row } from "@/screens/reviews/ReviewList";
import { dismiss, rule, ruleMany, sendAll, undo, useDesk, type Ruling } from "@/screens/reviews/rulings";
import { useMay } from "@/session";
import { useKeys } from "@/shell/keys";
import { plural } from "@/words/money";

type State = StateOf<api.ReviewsListData>;

const GROUP = "Reviews";
const STATES: { value: State; label: string }[] = [{ value: "open", label: "Waiting" }, { value: "asked", label: "Asked back" }, { value: "closed", label: "Ruled" }, { value: "expired", label: "Run out" }];

function useRows(state: State, risk: string, words: string) {
  const pages = usePages(["reviews", "list"], (asked) => api.reviewsList(asked), { state, risk, limit: 200, order: state === "closed" ? "newest" : "deadline" });
  const desk = useDesk();
  const rows = useMemo(() => {
    const gone = new Set([...desk.sent, ...desk.pending.map((one) => one.id)]);
    const sought = words.trim().toLowerCase();
    return (pages.data?.pages ?? []).flatMap((page) => page.items).filter((row) => (state !== "open" || !gone.has(row.id)) && (!sought || `${row.text} ${row.agent_name} ${row.account}`.toLowerCase().includes(sought)));
  }, [pages.data, desk, words, state]);
  return { pages, rows };
}

function Undoing(): ReactElement | null {
  const { pending } = useDesk();
  const client = useQueryClient();
  const nowUs = useNowUs();
  const last = pending.at(-1);
  if (!last) return null;
  const seconds = Math.max(0, Math.ceil((last.dueAtMs - nowUs / 1000) / 1000));
  const said = { approve: "Approving", edit: "Approving the edit of", reject: "Rejecting", ask: "Asking about" }[last.ruling.command];
  return (
    <div className="undoing" role="status">
      <span className="cut">{said} <b><bdi>{last.label}</bdi></b>{pending.length > 1 && ` and ${String(pending.length - 1)} more`} in {seconds} s</span>
      <Button size="compact-sm" variant="default" rightSection={<kbd>u</kbd>} onClick={() => { undo(); }}>Undo</Button>
      <Button size="compact-sm" variant="subtle" onClick={() => { sendAll(client); }}>Send now</Button>
    </div>
  );
}

const MODES: Record<Ruling["command"], Mode> = { approve: "look", edit: "edit", reject: "reject", ask: "ask" };

function Failures({ onOpen }: { onOpen: (id: string, mode: Mode) => void }): ReactElement {
  const { failures } = useDesk();
  return (
    <>
      {failures.map((failure) => (
        <div key={failure.id} className="failure">
          <div className="row"><span className="grow">Your ruling on <b><bdi>{failure.label}</bdi></b> did not go through; it is back on the desk{failure.command === "approve" ? "" : ", with what you wrote"}.</span><Button size="compact-sm" variant="default" onClick={() => { onOpen(failure.id, MODES[failure.command]); dismiss(failure.id); }}>Look again</Button><Button size="compact-sm" variant="subtle" onClick={() => { dismiss(failure.id); }}>Dismiss</Button></div>
          <ProblemNote error={failure.error} />
        </div>
      ))}
    </>
  );
}

function Batch({ rows, onDone }: { rows: readonly Row[]; onDone: () => void }): ReactElement | null {
  const client = useQueryClient();
  const [isRejecting, setRejecting] = useState(false);
  if (!rows.length) return null;
  if (isRejecting) return <div className="batch"><SayForm kind="reject" onLeave={() => { setRejecting(false); }} onDone={(reason) => { setRejecting(false); void ruleMany(client, "reject", rows, reason); onDone(); }} /></div>;
  return (
    <div className="batch row">
      <b className="grow">{plural(rows.length, "review")} selected</b>
      <Button size="compact-sm" rightSection={<kbd>A</kbd>} onClick={() => { void ruleMany(client, "approve", rows, ""); onDone(); }}>Approve all</Button>
      <Button size="compact-sm" variant="default" onClick={() => { setRejecting(true); }}>Reject all</Button>
      <Button size="compact-sm" variant="subtle" onClick={onDone}>Clear</Button>
    </div>
  );
}

const EMPTY: Record<string, [string, string]> = {
  open: ["Nothing waits for you", "When policy wants a person, the act appears here within a second, with its bytes, its reasons and a deadline."],
  asked: ["No open questions", "What somebody asked back about waits here until it is answered."],
  closed: ["Nothing has been ruled on yet", "Every ruling stays here, and in the chain."],
  expired: ["Nothing ran out", "Silence is a no: what nobody answers in time ends here."],
};

export default function Reviews(): ReactElement {
  const { id } = useParams<{ id?: string }>();
  const [, go] = useLocation();
  const client = useQueryClient();
  const may = useMay();
  const [state, setState] = useState<State>("open");
  const [risk, setRisk] = useState("");
  const [words, setWords] = useState("");
  const [grouping, setGrouping] = useState<Grouping>("none");
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [mode, setMode] = useState<Mode>("look");
  const { pages, rows } = useRows(state, risk, words);
  const lines = useMemo(() => linesOf(rows, grouping), [rows, grouping]);
  const ordered = useMemo(() => lines.flatMap((line) => (line.row ? [line.row] : [])), [lines]);
  const item = useItem(id);
  const place = useRef(0);
  const at = ordered.findIndex((row) => row.id === id);
  useEffect(() => { if (at >= 0) place.current = at; }, [at]);

  const open = (next: string | undefined, as: Mode = "look"): void => {
    setMode(as);
    go(next ? `/reviews/${next}` : "/reviews", { replace: true });
  };
  const step = (by: number): void => {
    const next = ordered[Math.min(Math.max((at < 0 ? place.current - (by > 0 ? 1 : 0) : at) + by, 0), ordered.length - 1)];
    if (next) open(next.id);
  };
  const isWide = window.matchMedia("(min-width: 761px)").matches;
  const first = ordered[Math.min(place.current, ordered.length - 1)]?.id;
  useEffect(() => {
    if (id === undefined && first !== undefined && isWide) go(`/reviews/${first}`, { replace: true });
  }, [id, first, go, isWide]);

  // Whoever rules goes on to the next one: it is there before they are.
  const following = ordered[at + 1]?.id;
  useEffect(() => {
    if (following !== undefined && item.data) void client.prefetchQuery(itemQuery(following));
  }, [client, following, item.data]);

  const onRule = (ruling: Ruling): void => {
    if (!item.data || item.data.id !== id) return;
    const next = ordered[at + 1] ?? ordered[at - 1];
    rule(client, { id, label: item.data.row.text.slice(0, 60) || item.data.row.kind, version: item.data.version, ruling });
    setPicked((before) => new Set([...before].filter((one) => one !== id)));
    open(isWide ? next?.id : undefined);
  };
  const mayRule = item.data?.id === id && item.data?.may_rule === true && may("review.rule");
  const onPick = (one: string): void => { setPicked((before) => { const after = new Set(before); if (!after.delete(one)) after.add(one); return after; }); };
  const chosenRows = ordered.filter((row) => picked.has(row.id));
  const when = (act: () => void) => (): void => { if (mayRule) act(); };

  useKeys([
    { keys: "j", says: "Next", group: GROUP, act: () => { step(1); } },
    { keys: "k", says: "Previous", group: GROUP, act: () => { step(-1); } },
    { keys: "a", says: "Approve", group: GROUP, act: when(() => { if (item.data) onRule({ command: "approve", digest: item.data.row.digest }); }) },
    { keys: "e", says: "Edit", group: GROUP, act: when(() => { setMode("edit"); }) },
    { keys: "r", says: "Reject, with a reason", group: GROUP, act: when(() => { setMode("reject"); }) },
    { keys: "q", says: "Ask back", group: GROUP, act: when(() => { setMode("ask"); }) },
    { keys: "x", says: "Select (ordinary risk)", group: GROUP, act: () => { const row = ordered[at]; if (row && mayBatch(row)) onPick(row.id); } },
    { keys: "A", says: "Approve the selected", group: GROUP, act: () => { if (chosenRows.length && may("review.rule")) { void ruleMany(client, "approve", chosenRows, ""); setPicked(new Set()); } } },
    { keys: "u", says: "Undo the last ruling", group: GROUP, act: () => { const back = undo(); if (back) open(back); } },
    { keys: "Escape", says: "Leave the form", group: GROUP, act: () => { setMode("look"); } },
  ]);

  const [title, text] = EMPTY[state] ?? ["", ""];
  return (
    <div className="desk" data-open={id !== undefined || undefined}>
      <h1 className="hidden-title">Reviews</h1>
      <div className="desk-list">
        <div className="desk-filters">
          <SegmentedControl size="xs" fullWidth data={STATES} value={state} onChange={(value) => { setState(value); setPicked(new Set()); open(undefined); }} aria-label="Which reviews" />
          <div className="row">
            <TextInput size="xs" className="grow" placeholder="Filter" aria-label="Filter the list" value={words} onChange={(event) => { setWords(event.currentTarget.value); }} />
            <Select size="xs" w={104} aria-label="Risk" data={[{ value: "", label: "Any risk" }, "ordinary", "brand", "financial", "legal", "politics"]} value={risk} allowDeselect={false} onChange={(value) => { setRisk(value ?? ""); }} />
            <Select size="xs" w={104} aria-label="Group by" data={[{ value: "none", label: "By deadline" }, { value: "persona", label: "By persona" }, { value: "risk", label: "By risk" }]} value={grouping} allowDeselect={false} onChange={(value) => { setGrouping((value ?? "none") as Grouping); }} />
          </div>
        </div>
        <Batch rows={chosenRows} onDone={() => { setPicked(new Set()); }} />
        {pages.isError && !pages.data ? <div style={{ padding: 12 }}><ProblemNote error={pages.error} retry={() => void pages.refetch()} /></div> : null}
        {!ordered.length ? <NoRows pages={pages}><Empty title={title}>{text}</Empty></NoRows> : <ReviewList lines={lines} chosen={id} picked={picked} onChoose={(one) => { open(one); }} onPick={onPick} />}
        {pages.hasNextPage && <Button m={8} variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>More</Button>}
        <div className="desk-foot faint">{plural(ordered.length, "review")}{pages.hasNextPage ? " loaded" : ""} · <kbd>?</kbd> for keys</div>
      </div>
      <div className="desk-item">
        <div className="back"><Button size="compact-sm" variant="subtle" onClick={() => { open(undefined); }}>‹ All reviews</Button></div>
        <Failures onOpen={open} />
        {id === undefined ? (ordered.length > 0 && <Empty title="Choose a review">Press <kbd>j</kbd> for the first.</Empty>) : <ReviewItem key={id} id={id} mode={mode} onMode={setMode} onRule={onRule} />}
      </div>
      <Undoing />
    </div>
  );
}
