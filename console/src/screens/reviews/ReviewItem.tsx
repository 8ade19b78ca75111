/** One review with everything that a person needs, and the four things that can be done with it. */
import { Button, Menu, Tooltip } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, type ReactElement } from "react";
import { Link } from "wouter";
import * as api from "chimera-client";
import { useRead } from "@/api/queries";
import { useNowUs } from "@/live/now";
import { Icon } from "@/parts/Icon";
import { Chip, Found, ProblemNote, Risk, State, When } from "@/parts/parts";
import { EditForm, SayForm } from "@/screens/reviews/Compose";
import { draftOf, type Draft } from "@/screens/reviews/drafts";
import { Budget, History, PrivateNotes, Rules, Signals, Sources } from "@/screens/reviews/Evidence";
import { PostCard } from "@/screens/reviews/PostCard";
import type { Ruling } from "@/screens/reviews/rulings";
import { useMay, useSession } from "@/session";
import { fieldsOf, textOf } from "@/words/plain";
import { countdownOf } from "@/words/time";

export type Item = api.ReviewItem;
// What was read ahead is not read again for so long, unless the stream says that something changed.
const AHEAD_MS = 30_000;

export type Mode = "look" | "edit" | "reject" | "ask";

/** The stranger's words that this answers, if it answers any. */
function answeredBy(item: Item): { author: string; text: string } | undefined {
  const args = fieldsOf(item.review.question.action.arguments);
  if (!args["in_reply_to"]) return undefined;
  const content = item.sources.map((source) => fieldsOf(source.content)).find((one) => textOf(one["text"]) && (one["post_id"] === args["in_reply_to"] || one["author"] === args["target_account"]));
  return content ? { author: textOf(content["author"]), text: textOf(content["text"]) } : undefined;
}

function useClaim(item: Item) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (act: typeof api.reviewsClaim | typeof api.reviewsRelease) => act({ path: { review_id: item.id }, headers: api.from(item.version) }),
    onSettled: () => client.invalidateQueries({ queryKey: ["reviews"] }),
  });
}

const RULES = ["owner", "operator", "reviewer"];

/** Gives it to one person: nobody else may say yes to it then. */
function Assign({ item }: { item: Item }): ReactElement {
  const client = useQueryClient();
  const may = useMay();
  const people = useRead(["people"], (asked) => api.peopleList(asked), { when: may("people.look") });
  const assign = useMutation({
    mutationFn: (to: string) => api.reviewsAssign({ path: { review_id: item.id }, headers: api.from(item.version), body: { to } }),
    onSettled: () => client.invalidateQueries({ queryKey: ["reviews"] }),
  });
  const able = (people.data?.items ?? []).filter((one) => one.state === "active" && one.roles.some((role) => RULES.includes(role)));
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target><Button size="compact-sm" variant="subtle" color="gray" c="var(--text-soft)" loading={assign.isPending}>Assign</Button></Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>Who rules on it</Menu.Label>
          {able.map((one) => <Menu.Item key={one.id} disabled={one.name === item.row.assignee} onClick={() => { assign.mutate(one.name); }}>{one.name}<span className="faint"> {one.roles.join(", ")}</span></Menu.Item>)}
          {item.row.assignee && <Menu.Item onClick={() => { assign.mutate(""); }}>Anybody again</Menu.Item>}
        </Menu.Dropdown>
      </Menu>
      {assign.isError && <ProblemNote error={assign.error} />}
    </>
  );
}

function Lock({ item }: { item: Item }): ReactElement | null {
  const nowUs = useNowUs();
  const session = useSession();
  const may = useMay();
  const claim = useClaim(item);
  const { assignee, claimed_by: holder, claimed_until_us: until } = item.row;
  if (!may("review.rule") || !isRulable(item.row.state)) return null;
  const isMine = holder === session.name;
  if (holder && !isMine) {
    return <div className="lock-note" role="status"><Icon name="lock" /><span className="grow"><b>{holder}</b> is looking at it, for {countdownOf(until - nowUs)} more. You can rule when the lock ends{may("review.assign") ? ", or free it" : ""}.</span>{may("review.assign") && <Button size="compact-sm" variant="default" onClick={() => { claim.mutate(api.reviewsRelease); }}>Free it</Button>}</div>;
  }
  return (
    <div className="row">
      {assignee && <Chip tone={assignee === session.name ? "info" : "wait"}>for {assignee === session.name ? "you" : assignee}</Chip>}
      {item.row.first_yes_by && <Chip tone="wait">{item.row.first_yes_by} said yes; one more person has to</Chip>}
      {isMine ? <Chip tone="info"><Icon name="lock" size={12} /> yours for {countdownOf(until - nowUs)}</Chip> : null}
      <Button size="compact-sm" variant="subtle" color="gray" c="var(--text-soft)" loading={claim.isPending} onClick={() => { claim.mutate(isMine ? api.reviewsRelease : api.reviewsClaim); }}>{isMine ? "Leave it to others" : "Take it"}</Button>
      {may("review.assign") && <Assign item={item} />}
      {claim.isError && <ProblemNote error={claim.error} />}
    </div>
  );
}

/** What a yes and a no mean, by what is asked. */
const WORDS: Record<string, { yes: string; no: string }> = {
  doubt: { yes: "It did happen", no: "It did not" },
  afterwards: { yes: "Let it stay", no: "Take it down" },
  payment: { yes: "It was right", no: "Pay them no more" },
};
const isRulable = (state: string): boolean => state === "open" || state === "owed";

function Acts({ item, onMode, onRule }: { item: Item; onMode: (mode: Mode) => void; onRule: (ruling: Ruling) => void }): ReactElement | null {
  const may = useMay();
  if (!may("review.rule") || !isRulable(item.row.state)) return null;
  const isPayment = item.row.about === "afterwards" && item.review.question.action.recipient !== "";
  const words = WORDS[isPayment ? "payment" : item.row.about] ?? { yes: "Approve", no: "Reject" };
  const isAction = item.row.about === "action";
  const off = !item.may_rule;
  return (
    <div className="verdicts" role="group" aria-label="Rule on it">
      <Button leftSection={<Icon name="check" />} rightSection={<kbd>a</kbd>} disabled={off} onClick={() => { onRule({ command: "approve", digest: item.row.digest }); }}>{words.yes}</Button>
      {isAction && <Button variant="default" leftSection={<Icon name="pen" />} rightSection={<kbd>e</kbd>} disabled={off} onClick={() => { onMode("edit"); }}>Edit</Button>}
      <Button variant="default" leftSection={<Icon name="cross" />} rightSection={<kbd>r</kbd>} disabled={off} onClick={() => { onMode("reject"); }}>{words.no}</Button>
      <Tooltip label="Ask the operator something first; it waits for the answer"><Button variant="default" leftSection={<Icon name="ask" />} rightSection={<kbd>q</kbd>} disabled={off} onClick={() => { onMode("ask"); }}>Ask</Button></Tooltip>
    </div>
  );
}

interface Props {
  item: Item;
  mode: Mode;
  onMode: (mode: Mode) => void;
  onRule: (ruling: Ruling) => void;
}

function Detail({ item, mode, onMode, onRule }: Props): ReactElement {
  const { row, review } = item;
  const args = useMemo(() => fieldsOf(review.question.action.arguments), [review]);
  const nowUs = useNowUs();
  const { person } = useSession();
  const leave = (): void => { onMode("look"); };
  const draft = (kind: string): Draft => draftOf(person, item.id, kind);
  return (
    <div className="item">
      <div className="item-main">
        <div className="item-head">
          <div className="grow">
            <h2><Link href={`/agents/${row.agent_id}`}>{item.persona?.name ?? row.account}</Link> <span className="soft">{row.about === "afterwards" ? "was allowed to " : row.about === "doubt" ? "may have tried to " : "wants to "}{row.kind.startsWith("payment") ? "pay" : row.kind.replace("post.", "").replace(".", " ")}</span></h2>
            <div className="row wrap"><Risk of={row.risk} />{row.tainted && <Chip tone="wait">strangers had a part</Chip>}{!isRulable(row.state) && <State of={row.state} />}{review.outcome && row.state !== review.outcome && <State of={review.outcome} />}<span className="faint">asked <When us={row.opened_at_us} age /></span>{row.state === "open" && <span className="faint">no answer is a no in <b>{countdownOf(row.deadline_us - nowUs)}</b></span>}</div>
          </div>
          <Lock item={item} />
        </div>
        <PostCard action={review.question.action} args={args} persona={item.persona} marks={item.spans} answered={answeredBy(item)} />
        {review.note && <div className="lock-note"><Icon name="ask" /><span><b>{review.approver?.name ?? "Note"}:</b> <bdi>{review.note}</bdi></span></div>}
        {mode === "edit" && <EditForm args={args} draft={draft("edit")} onLeave={leave} onDone={(next) => { onRule({ command: "edit", digest: row.digest, arguments: next }); }} />}
        {mode === "reject" && <SayForm kind="reject" draft={draft("reject")} onLeave={leave} onDone={(reason) => { onRule({ command: "reject", reason }); }} />}
        {mode === "ask" && <SayForm kind="ask" draft={draft("ask")} onLeave={leave} onDone={(text) => { onRule({ command: "ask", text }); }} />}
        {mode === "look" && <Acts item={item} onMode={onMode} onRule={onRule} />}
        <Rules item={item} />
        <Sources item={item} />
      </div>
      <div className="item-side">
        <Signals item={item} />
        <Budget item={item} />
        <History item={item} />
        <PrivateNotes id={item.id} />
      </div>
    </div>
  );
}

/** One review as it is read, for whoever reads it ahead. */
export const itemQuery = (id: string) => ({ queryKey: ["reviews", "item", id], queryFn: () => api.reviewsShow({ path: { review_id: id } }), staleTime: AHEAD_MS });

export function useItem(id: string | undefined) {
  const { queryKey, queryFn } = itemQuery(id ?? "");
  return useQuery<Item>({ queryKey, queryFn, enabled: id !== undefined });
}

export function ReviewItem({ id, ...rest }: Omit<Props, "item"> & { id: string }): ReactElement {
  const query = useItem(id);
  return <Found query={query}>{(item) => <Detail item={item} {...rest} />}</Found>;
}
