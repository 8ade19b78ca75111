/** The accounts of all agents, network by network. */
import { Button } from "@mantine/core";
import type { ReactElement } from "react";
import { Link } from "wouter";
import { usePages } from "@/api/queries";
import type { Schemas } from "@/api/types";
import { Chip, Empty, Head, Panel, ProblemNote, State } from "@/parts/parts";
import { openHalt } from "@/shell/HaltControl";
import { Webhooks } from "@/screens/Webhooks";
import { useMay } from "@/session";
import { handleOf } from "@/words/plain";
import { plural } from "@/words/money";

type Row = Schemas["Connection"];

export default function Connections(): ReactElement {
  const may = useMay();
  const pages = usePages<Row>(["connections", "list"], "connections", { limit: 200 });
  const rows = pages.data?.pages.flatMap((page) => page.items) ?? [];
  const networks = [...Map.groupBy(rows, (row) => row.platform)];
  return (
    <div className="page">
      <Head title="Connections">Which accounts the fleet speaks through. The secrets themselves are in no answer of the API.</Head>
      {pages.isError && <ProblemNote error={pages.error} />}
      {pages.data && !rows.length && <Panel bare><Empty title="No accounts yet">An agent’s manifest names its accounts.</Empty></Panel>}
      <div className="stack">{networks.map(([platform, members]) => (
        <Panel key={platform} title={platform} note={plural(members.length, "account")} acts={<>{members[0]?.halted ? <Chip tone="stop">halted</Chip> : may("halt.set") && <Button size="compact-sm" variant="default" onClick={() => { openHalt(`platform:${platform}`); }}>Halt it…</Button>}</>} bare>
          <table className="list"><thead><tr><th>Account</th><th>Agent</th><th>State</th></tr></thead><tbody>{members.map((row) => <tr key={row.agent_id + row.handle}><td><bdi>{handleOf(row.handle)}</bdi></td><td><Link href={`/agents/${row.agent_id}`}>{row.agent_name}</Link></td><td><State of={row.state} /></td></tr>)}</tbody></table>
        </Panel>
      ))}</div>
      {may("system.change") && <div style={{ marginTop: 14 }}><Webhooks /></div>}
      {pages.hasNextPage && <Button mt={12} variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>More</Button>}
    </div>
  );
}
