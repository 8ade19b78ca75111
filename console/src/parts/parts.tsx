/** Small pieces that every screen is made of. */
import { Button, Loader, Tooltip } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactElement, ReactNode } from "react";
import { LOST, Problem } from "chimera-client";
import { useCurrency } from "@/session";
import { moneyOf } from "@/words/money";
import { useNowUs } from "@/live/now";
import { momentOf, spanOf, wholeOf } from "@/words/time";

export type Tone = "plain" | "go" | "wait" | "stop" | "doubt" | "info";

export function Chip({ tone = "plain", title, children }: { tone?: Tone; title?: string; children: ReactNode }): ReactElement {
  return <span className={`chip ${tone}`} title={title}>{children}</span>;
}

const TONES: Record<string, Tone> = {
  active: "go", running: "go", done: "go", approved: "go", edited: "go", published: "go", granted: "go", captured: "go", ok: "go", finished: "go", healthy: "go",
  open: "wait", held: "wait", asked: "wait", paused: "wait", ready: "info", leased: "info", opened: "info", installed: "info", planned: "info", admitted: "info",
  in_doubt: "doubt", unknown: "doubt",
  refused: "stop", rejected: "stop", failed: "stop", expired: "stop", cancelled: "stop", halted: "stop", quarantined: "stop", revoked: "stop", in_force: "go", pinned: "go", dead: "stop", proposed: "wait", withdrawn: "stop", disabled: "stop", closed: "plain",
};
const WORDS: Record<string, string> = { in_doubt: "in doubt", leased: "working", held: "held", granted: "allowed" };

export function State({ of }: { of: string }): ReactElement {
  return <Chip tone={TONES[of] ?? "plain"}>{WORDS[of] ?? of.replaceAll("_", " ")}</Chip>;
}

const RISKS: Record<string, Tone> = { ordinary: "plain", politics: "stop", legal: "stop", financial: "wait", brand: "wait" };
export function Risk({ of }: { of: string }): ReactElement {
  return <Chip tone={RISKS[of] ?? "wait"}>{of}</Chip>;
}

export function Money({ micros, currency }: { micros: number; currency?: string }): ReactElement {
  const own = useCurrency();
  return <span title={`${String(micros)} micros ${currency ?? own}`}>{moneyOf(micros, currency ?? own)}</span>;
}

/** A moment in the reader's zone; its age, while that is what matters. */
export function When({ us, age = false }: { us: number; age?: boolean }): ReactElement {
  const nowUs = useNowUs();
  if (!us) return <span className="faint">–</span>;
  return <time dateTime={new Date(us / 1000).toISOString()} title={wholeOf(us)}>{age ? `${spanOf(nowUs - us)} ago` : momentOf(us, nowUs / 1000)}</time>;
}

const HUES = 8;
/** A letter on one of a few colours, the same for the same record. */
export function Avatar({ name, of, big = false }: { name: string; of: string; big?: boolean }): ReactElement {
  const sum = [...of].reduce((total, letter) => (total * 31 + (letter.codePointAt(0) ?? 0)) % 9973, 7);
  const letters = /\d+$/.exec(name)?.[0].slice(-2) ?? [...name][0]?.toUpperCase();
  return <span className={big ? "avatar big" : "avatar"} data-hue={sum % HUES} aria-hidden="true">{letters}</span>;
}

export function Panel({ title, note, acts, children, bare = false, label }: { title?: ReactNode; note?: ReactNode; acts?: ReactNode; children: ReactNode; bare?: boolean; label?: string }): ReactElement {
  return (
    <section className="panel" aria-label={label ?? (typeof title === "string" ? title : undefined)}>
      {title !== undefined && (
        <header>
          <h2>{title}</h2>
          {note !== undefined && <span className="note">{note}</span>}
          {acts !== undefined && <div className="acts">{acts}</div>}
        </header>
      )}
      {bare ? children : <div className="body">{children}</div>}
    </section>
  );
}

export function Head({ title, children, acts }: { title: ReactNode; children?: ReactNode; acts?: ReactNode }): ReactElement {
  return (
    <div className="page-head">
      <div>
        <h1>{title}</h1>
        {children !== undefined && <p>{children}</p>}
      </div>
      {acts !== undefined && <div className="acts">{acts}</div>}
    </div>
  );
}

export interface Figured {
  label: string;
  value: ReactNode;
  note?: ReactNode;
}
export function Figures({ of }: { of: readonly Figured[] }): ReactElement {
  return (
    <dl className="figures">
      {of.map((one) => (
        <div className="figure" key={one.label}>
          <dt>{one.label}</dt>
          <dd>{one.value}{one.note !== undefined && <small>{one.note}</small>}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Empty({ title, children, act }: { title: string; children?: ReactNode; act?: ReactNode }): ReactElement {
  return (
    <div className="empty">
      <h3>{title}</h3>
      {children !== undefined && <p>{children}</p>}
      {act}
    </div>
  );
}

/** A refusal or a fault: what, which rule, and how to change it. */
export function ProblemNote({ error, retry }: { error: unknown; retry?: () => void }): ReactElement {
  const problem = error instanceof Problem ? error : new Problem(0, "console_fault", "The console stumbled", String(error));
  return (
    <div className="problem" role="alert">
      <h3>{problem.title || "Refused"}</h3>
      <p>{problem.detail}{problem.where && <span className="faint"> · {problem.where}</span>}</p>
      {problem.remedy && <p className="soft">{problem.remedy}</p>}
      {problem.faults.length > 1 && (
        <ul>{problem.faults.map((fault, index) => <li key={index}>{fault.where}{fault.line ? `, line ${String(fault.line)}` : ""}: {fault.message}{fault.remedy ? ` – ${fault.remedy}` : ""}</li>)}</ul>
      )}
      <p className="code">{problem.code}</p>
      {retry && problem.status !== 403 && <Button mt={8} variant="default" onClick={retry}>Try again</Button>}
    </div>
  );
}

/** What a query found; what it waits for; why it failed. What was found before stays while the network is away. */
export function Found<T>({ query, children, empty }: { query: UseQueryResult<T>; children: (found: T) => ReactNode; empty?: ReactNode }): ReactElement {
  if (query.data !== undefined) {
    const isLost = query.error instanceof Problem && query.error.code !== LOST && query.isError;
    return <>{isLost && <ProblemNote error={query.error} />}{children(query.data) ?? empty}</>;
  }
  if (query.isError) return <ProblemNote error={query.error} retry={() => void query.refetch()} />;
  return <Loading />;
}

export function Loading(): ReactElement {
  return <div className="empty" role="status" aria-label="Loading"><Loader size="sm" /></div>;
}

/** Where a list has no rows: that it is still being read, or that there are none. A failure stands beside the list. */
export function NoRows({ pages, children }: { pages: { data: unknown; isError: boolean }; children: ReactNode }): ReactNode {
  if (pages.data !== undefined) return children;
  return pages.isError ? null : <Loading />;
}

export function Meter({ spent, held, cap, over = 0 }: { spent: number; held: number; cap: number; over?: number }): ReactElement {
  const share = (value: number): string => `${String(cap > 0 ? Math.min(100, (value / cap) * 100) : 0)}%`;
  return (
    <div className="meter" role="img" aria-label={`${cap > 0 ? String(Math.round(((spent + held) / cap) * 100)) : "0"} percent used`}>
      <i style={{ width: share(spent) }} />
      <i className="held" style={{ width: share(held) }} />
      {over > 0 && <i className="over" style={{ width: share(over) }} />}
    </div>
  );
}

export function Hash({ of, length = 12 }: { of: string; length?: number }): ReactElement {
  return <Tooltip label={of}><span className="hash">{of.slice(0, length)}</span></Tooltip>;
}
