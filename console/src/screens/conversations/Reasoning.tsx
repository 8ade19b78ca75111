/** How an answer came about, step by step, as it is on record: what the agent had before it, what it wrote, what was said of that, what was decided. */
import type { ReactElement } from "react";
import { Link } from "wouter";
import * as api from "chimera-client";
import { Chip, Money, Panel, State, When, type Tone } from "@/parts/parts";
import { Untrusted } from "@/parts/Untrusted";
import { plural, percentOf } from "@/words/money";
import { fieldsOf, textOf } from "@/words/plain";

type Answered = api.ConversationItem["answers"][number];
type Attempt = Answered["attempts"][number];

const DECIDED: Record<string, { says: string; tone: Tone }> = {
  allow: { says: "Allowed", tone: "go" },
  escalate: { says: "A person is asked", tone: "wait" },
  deny: { says: "Denied", tone: "stop" },
};

function Before({ attempt }: { attempt: Attempt }): ReactElement {
  const { materials, recent } = attempt.assignment;
  return (
    <>
      <b>Had before it</b> <span className="faint">{plural(materials.length, "source")}{recent.length > 0 && `, its last ${plural(recent.length, "post")}`}</span>
      {materials.map((one, index) => (
        <details key={index}>
          <summary>{one.name} <Chip tone={one.labels.includes("public") ? "wait" : "plain"}>{one.labels.join(", ") || "our own"}</Chip></summary>
          <dl className="facts" style={{ margin: "6px 0" }}>{Object.entries(fieldsOf(one.content)).filter(([, value]) => textOf(value) !== "").map(([name, value]) => <div key={name} style={{ display: "contents" }}><dt>{name.replaceAll("_", " ")}</dt><dd><Untrusted text={textOf(value)} /></dd></div>)}</dl>
        </details>
      ))}
    </>
  );
}

function Wrote({ attempt }: { attempt: Attempt }): ReactElement {
  const output = Object.entries(fieldsOf(attempt.draft.output));
  const cost = [...attempt.calls, ...attempt.judge_calls].reduce((sum, one) => sum + one.cost_micros, 0);
  return (
    <>
      <b>Wrote</b> <span className="faint">confidence {percentOf(attempt.draft.confidence_bp)}{attempt.calls.length > 0 && <>, {plural(attempt.calls.length, "call")} to {[...new Set(attempt.calls.map((one) => one.name))].join(", ")}, <Money micros={cost} /></>}</span>
      <dl className="facts" style={{ marginTop: 4 }}>{output.map(([name, value]) => <div key={name} style={{ display: "contents" }}><dt>{name.replaceAll("_", " ")}</dt><dd><Untrusted text={textOf(value)} /></dd></div>)}</dl>
    </>
  );
}

function Decided({ attempt }: { attempt: Attempt }): ReactElement {
  const decision = attempt.ruling?.decision;
  const known = DECIDED[decision?.type ?? ""];
  if (!decision) return <><b>Nothing was asked for</b> <span className="faint">no act came of this draft</span></>;
  return (
    <>
      <Chip tone={known?.tone ?? "plain"}>{known?.says ?? decision.type}</Chip>
      <ul className="bare-list">{decision.reasons.map((reason, index) => <li key={index}>{reason.text} {reason.rule && <Link href={`/policy?rule=${encodeURIComponent(reason.rule)}`} className="hash">{reason.rule}</Link>}{reason.remedy && <span className="soft"> – {reason.remedy}</span>}</li>)}</ul>
    </>
  );
}

function Tried({ attempt, number, many }: { attempt: Attempt; number: number; many: boolean }): ReactElement {
  return (
    <ol className="reasoning" aria-label={many ? `Attempt ${String(number)}` : "How it came about"}>
      {many && <li className="faint">Attempt {number}, <When us={attempt.at_us} /></li>}
      <li><Before attempt={attempt} /></li>
      <li><Wrote attempt={attempt} /></li>
      <li><b>Judged</b> <Chip tone={attempt.verdict.accepted ? "go" : "wait"}>{attempt.verdict.accepted ? "good enough" : "sent back"}</Chip> <span className="faint">{percentOf(attempt.verdict.confidence_bp)}</span>{attempt.verdict.findings.length > 0 && <ul className="bare-list">{attempt.verdict.findings.map((finding, index) => <li key={index}><bdi>{finding}</bdi></li>)}</ul>}</li>
      <li><Decided attempt={attempt} /></li>
    </ol>
  );
}

export function Answer({ answer }: { answer: Answered }): ReactElement {
  const last = answer.attempts.at(-1);
  const text = textOf(fieldsOf(last?.draft.action?.arguments)["text"] ?? fieldsOf(last?.draft.output)["text"]);
  return (
    <Panel title={<>Our answer <span className="faint">{answer.task.spec[0]}</span></>} note={<State of={answer.task.state} />} acts={<Link href={`/audit/task/${answer.task.id}`}>whole life</Link>}>
      {text ? <div className="answer"><Untrusted text={text} /></div> : <p className="soft" style={{ marginTop: 0 }}>{last ? "It chose to say nothing." : "Nothing has been written yet."}</p>}
      {answer.task.reason && <p className="soft" style={{ margin: "8px 0 0" }}>{answer.task.reason}</p>}
      {answer.attempts.map((attempt, index) => <Tried key={attempt.id} attempt={attempt} number={index + 1} many={answer.attempts.length > 1} />)}
    </Panel>
  );
}
