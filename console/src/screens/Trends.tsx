/** What the fleet found the public talking about. */
import { Button } from "@mantine/core";
import type { ReactElement } from "react";
import { Link } from "wouter";
import { usePages } from "@/api/queries";
import type { Schemas } from "@/api/types";
import { Chip, Empty, Head, Panel, ProblemNote, When } from "@/parts/parts";
import { Untrusted } from "@/parts/Untrusted";
import { fieldsOf, textOf } from "@/words/plain";
import { percentOf } from "@/words/money";

type Row = Schemas["TrendRow"];

function Finding({ value }: { value: unknown }): ReactElement {
  if (Array.isArray(value)) return <div className="row wrap">{value.slice(0, 30).map((one, index) => { const fields = fieldsOf(one); const name = textOf(fields["topic"] ?? fields["name"] ?? fields["text"] ?? one); return <Chip key={index} tone="info"><bdi>{name.slice(0, 80)}</bdi></Chip>; })}</div>;
  return <Untrusted text={textOf(value)} />;
}

export default function Trends(): ReactElement {
  const pages = usePages<Row>(["trends", "list"], "trends", { limit: 50 });
  const rows = (pages.data?.pages.flatMap((page) => page.items) ?? []).sort((a, b) => b.at_us - a.at_us);
  return (
    <div className="page">
      <Head title="Trends">What a look at the public’s talk has found. Strangers’ words: labelled, never believed.</Head>
      {pages.isError && <ProblemNote error={pages.error} />}
      {pages.data && !rows.length ? <Panel bare><Empty title="No look at the trends yet">Agents with <code>trends.read</code> look around as part of their plans; what they find stands here.</Empty></Panel> : (
        <div className="grid two">{rows.map((row) => (
          <Panel key={row.task_id + String(row.at_us)} title={<When us={row.at_us} />} note={percentOf(row.confidence_bp)} acts={<Link href={`/audit/task/${row.task_id}`}>whole life</Link>}>
            <dl className="facts">{Object.entries(fieldsOf(row.output)).map(([name, value]) => <div key={name} style={{ display: "contents" }}><dt>{name.replaceAll("_", " ")}</dt><dd><Finding value={value} /></dd></div>)}</dl>
          </Panel>
        ))}</div>
      )}
      {pages.hasNextPage && <Button mt={12} variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>More</Button>}
    </div>
  );
}
