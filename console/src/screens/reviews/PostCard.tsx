/** What the world would see: the post on its network, the payment, the like. Inert: no link in it leads anywhere. */
import { Fragment, type ReactElement, type ReactNode } from "react";
import * as api from "chimera-client";
import { Avatar, Chip, Money } from "@/parts/parts";
import { Untrusted, type Marked } from "@/parts/Untrusted";
import { graphemesOf, handleOf, textOf, type Fields } from "@/words/plain";
import { countOf, plural } from "@/words/money";

const COUNTED_MAX = 20_000;

interface Props {
  action: api.Action;
  args: Fields;
  persona: api.Persona | null;
  marks?: readonly Marked[];
  answered?: { author: string; text: string } | undefined;
  body?: ReactNode;
}

// What each network takes at most, counted as readers count.
const LETTERS_MAX: Record<string, number> = { sandbox: 300, bluesky: 300, mastodon: 500 };
const NETWORKS: Record<string, string> = { sandbox: "Sandbox network", bluesky: "Bluesky", mastodon: "Mastodon", nostr: "Nostr" };

function Answered({ author, text }: { author: string; text: string }): ReactElement {
  return (
    <div className="answered">
      <div className="faint">In answer to <b><bdi>{author ? handleOf(author) : "somebody"}</bdi></b> <Chip tone="wait">a stranger’s words</Chip></div>
      <Untrusted text={text} />
    </div>
  );
}

function Length({ text, platform }: { text: string; platform: string }): ReactElement {
  const isHuge = text.length > COUNTED_MAX;
  const letters = isHuge ? text.length : graphemesOf(text);
  const most = LETTERS_MAX[platform];
  return <div className={`post-foot ${most !== undefined && letters > most ? "too-long" : "faint"}`}>{plural(letters, "character")}{most !== undefined && ` of ${countOf(most)}`}{most !== undefined && letters > most && ": the network will refuse it"}</div>;
}

function Post({ action, args, persona, marks = [], answered, body }: Props): ReactElement {
  const text = textOf(args["text"]);
  const disclosure = textOf(args["disclosure"]) || persona?.disclosure || "";
  const name = persona?.name ?? action.account;
  return (
    <>
      {answered && <Answered {...answered} />}
      <div className="post-head">
        <Avatar name={name} of={action.account} big />
        <div className="grow"><b>{name}</b><div className="faint">{handleOf(action.account)}{persona && " · automated account"}</div></div>
        <span className="faint">{NETWORKS[action.platform] ?? action.platform}</span>
      </div>
      <div className="post-text">{body ?? <Untrusted text={text} marks={marks} />}</div>
      {disclosure && !text.includes(disclosure) && <div className="post-note"><Untrusted text={disclosure} inline /></div>}
      <Length text={text} platform={action.platform} />
    </>
  );
}

function Payment({ action, args }: Props): ReactElement {
  return (
    <dl className="facts">
      <dt>Pays</dt><dd style={{ fontSize: 22, fontWeight: 500 }}><Money micros={action.cost_micros} /></dd>
      <dt>To</dt><dd><Untrusted text={action.recipient} inline /></dd>
      <dt>For</dt><dd><Untrusted text={textOf(args["purpose"] ?? args["text"])} inline /></dd>
      <dt>Category</dt><dd>{action.category}</dd>
      <dt>From</dt><dd>{handleOf(action.account)} on {action.platform}</dd>
    </dl>
  );
}

function Other({ action, args }: Props): ReactElement {
  const told = Object.entries(args).filter(([name]) => name !== "disclosure");
  return (
    <dl className="facts">
      <dt>Does</dt><dd><b>{action.kind.replace(".", ": ")}</b> as {handleOf(action.account)} on {action.platform}</dd>
      {told.map(([name, value]) => <Fragment key={name}><dt>{name.replaceAll("_", " ")}</dt><dd><Untrusted text={textOf(value)} inline /></dd></Fragment>)}
    </dl>
  );
}

export function PostCard(props: Props): ReactElement {
  const { kind } = props.action;
  const Shape = kind.startsWith("payment") ? Payment : "text" in props.args ? Post : Other;
  return <article className="post" aria-label="As its network will show it"><Shape {...props} /></article>;
}
