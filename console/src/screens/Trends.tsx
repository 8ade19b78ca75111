/** What the fleet found the public talking about. */
import { Button } from "@mantine/core";
import type { ReactElement } from "react";
import { Link } from "wouter";
import * as api from "chimera-client";
import { usePages } from "@/api/queries";
import { Chip, Empty, Head, Meter, NoRows, Panel, ProblemNote, When } from "@/parts/parts";
import { Untrusted } from "@/parts/Untrusted";
import { fieldsOf, textOf } from "@/words/plain";
import { percentOf, plural } from "@/words/money";

type Row = api.TrendRow;

function Finding({ value }: { value: unknown }): ReactElement {
  if (Array.isArray(value)) return <div className="row wrap">{value.slice(0, 30).map((one, index) => { const fields = fieldsOf(one); const name = textOf(fields["topic"] ?? fields["name"] ?? fields["text"] ?? one); return <Chip key={index} tone="info"><bdi>{name.slice(0, 80)}</bdi></Chip>; })}</div>;
  return <Untrusted text={textOf(value)} />;
}

function topicsOf(output: unknown): string[] {
  return Object.values(fieldsOf(output)).flatMap((value) => (Array.isArray(value) ? value.map((one) => { const fields = fieldsOf(one); return textOf(fields["topic"] ?? fields["name"] ?? one); }) : []));
}

/** How many of the looks named each topic: what more than one has seen is more than noise. */
function Tally({ rows }: { rows: readonly Row[] }): ReactElement | null {
  const counts = new Map<string, number>();
  rows.forEach((row) => new Set(topicsOf(row.output)).forEach((topic) => counts.set(topic, (counts.get(topic) ?? 0) + 1)));
  const shown = [...counts].sort(([, a], [, b]) => b - a).slice(0, 16);
  if (!shown.length) return null;
  return (
    <Panel title="Named most" note={`in the ${plural(rows.length, "look")} below`}>
      <div className="tally">{shown.map(([topic, count]) => <div key={topic}><div className="row"><bdi className="cut grow">{topic}</bdi><span className="faint">{count}</span></div><Meter spent={count} held={0} cap={rows.length} /></div>)}</div>
    </Panel>
  );
}

export default function Trends(): ReactElement {
  const pages = usePages(["trends", "list"], (asked) => api.trendsList(asked), { limit: 50 });
  const rows = pages.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div className="page">
      <Head title="Trends">What a look at the public’s talk has found. Strangers’ words: labelled, never believed.</Head>
      {pages.isError && <ProblemNote error={pages.error} />}
      {!rows.length ? <NoRows pages={pages}><Panel bare><Empty title="No look at the trends yet">Agents with <code>trends.read</code> look around as part of their plans; what they find stands here.</Empty></Panel></NoRows> : (
        <div className="stack"><Tally rows={rows} /><div className="grid two">{rows.map((row) => (
          <Panel key={row.task_id + String(row.at_us)} title={<When us={row.at_us} />} note={<><Link href={`/agents/${row.agent_id}`}>{row.agent_name || "an agent"}</Link> · {percentOf(row.confidence_bp)} sure</>} acts={<Link href={`/audit/task/${row.task_id}`}>whole life</Link>}>
            <dl className="facts">{Object.entries(fieldsOf(row.output)).map(([name, value]) => <div key={name} style={{ display: "contents" }}><dt>{name.replaceAll("_", " ")}</dt><dd><Finding value={value} /></dd></div>)}</dl>
          </Panel>
        ))}</div></div>
      )}
      {pages.hasNextPage && <Button mt={12} variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>More</Button>}
    </div>
  );
}
