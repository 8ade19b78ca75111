/** What came of the money: cost of each kind of act, campaign by campaign what was spent and what came in, and what wallets have sent. */
import { useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { Link } from "wouter";
import * as api from "chimera-client";
import { readAll, usePages, useRead } from "@/api/queries";
import { Chip, Empty, Found, Hash, Money, NoRows, Panel, ProblemNote, State } from "@/parts/parts";
import { partsOf } from "@/screens/money/Burn";
import { countOf, plural } from "@/words/money";

type Spending = api.Spending;

const READ_MAX = 4_000;
const ETHER_WEI = 10n ** 18n;

interface Class { name: string; acts: number; spent: number }

function classesOf(rows: readonly Spending[]): Class[] {
  const groups = Map.groupBy(rows.filter((row) => row.state === "captured"), (row) => row.kind || "no longer on record");
  return [...groups].map(([name, members]) => ({ name, acts: members.length, spent: members.reduce((sum, row) => sum + row.captured_micros, 0) })).sort((a, b) => b.spent - a.spent);
}

function Classes(): ReactElement {
  const spending = useQuery({ queryKey: ["money", "classes"], queryFn: ({ signal }) => readAll((asked) => api.moneySpending(asked), { state: "captured", limit: 200 }, READ_MAX, signal), staleTime: 60_000 });
  return (
    <Found query={spending}>{(rows) => (
      <Panel title="Cost of each kind" note={rows.length >= READ_MAX ? `of the first ${countOf(rows.length)} acts` : `of ${plural(rows.length, "act")}`} bare>
        {rows.length === 0 ? <Empty title="Nothing has been spent yet">With the first act that is done, its kind and its price stand here.</Empty> : (
          <table className="list"><thead><tr><th>Kind</th><th className="num">Acts</th><th className="num">Spent</th><th className="num">Each</th></tr></thead>
            <tbody>{classesOf(rows).map((one) => <tr key={one.name}><td>{one.name}</td><td className="num">{countOf(one.acts)}</td><td className="num"><Money micros={one.spent} /></td><td className="num"><Money micros={Math.round(one.spent / one.acts)} /></td></tr>)}</tbody></table>
        )}
      </Panel>
    )}</Found>
  );
}

function Return({ spent, income }: { spent: number; income: number }): ReactElement {
  if (!spent || !income) return <span className="faint">–</span>;
  const percent = Math.round(((income - spent) / spent) * 100);
  return <Chip tone={percent >= 0 ? "go" : "stop"}>{percent > 0 ? "+" : ""}{countOf(percent)} %</Chip>;
}

function Campaigns({ names }: { names: ReadonlyMap<string, string> }): ReactElement {
  const windows = useRead(["money", "windows", "campaigns"], (asked) => api.moneyWindows(asked), { query: { scope: "campaign:", limit: 1000 } });
  const income = useQuery({ queryKey: ["money", "income"], queryFn: ({ signal }) => readAll((asked) => api.moneyIncome(asked), { limit: 200 }, READ_MAX, signal) });
  return (
    <Found query={windows}>{(found) => {
      const came = new Map<string, number>();
      (income.data ?? []).forEach((one) => came.set(one.campaign_id, (came.get(one.campaign_id) ?? 0) + one.micros));
      const rows = found.items.map((window) => ({ ...partsOf(window.id), spent: window.spent_micros + window.overrun_micros })).filter((row) => row.period === "total").sort((a, b) => b.spent - a.spent);
      return (
        <Panel title="Return by campaign" note="income is what somebody has put on record" bare>
          {income.isError && <ProblemNote error={income.error} />}
          {rows.length === 0 ? <Empty title="No campaign has spent anything yet" /> : (
            <div className="scroll-x limited" tabIndex={0}><table className="list"><thead><tr><th>Campaign</th><th className="num">Spent</th><th className="num">Came in</th><th className="num">Return</th></tr></thead>
              <tbody>{rows.map((row) => <tr key={row.name}><td style={{ maxWidth: 420 }} className="cut"><Link href={`/campaigns/${row.name}`}><bdi>{names.get(row.name) ?? row.name}</bdi></Link></td><td className="num"><Money micros={row.spent} /></td><td className="num">{came.has(row.name) ? <Money micros={came.get(row.name) ?? 0} /> : <span className="faint">–</span>}</td><td className="num"><Return spent={row.spent} income={came.get(row.name) ?? 0} /></td></tr>)}</tbody></table></div>
          )}
        </Panel>
      );
    }}</Found>
  );
}

/** Wei as ether with six digits, on whole numbers. */
function etherOf(wei: string): string {
  const amount = BigInt(/^\d+$/.test(wei) ? wei : "0");
  return `${String(amount / ETHER_WEI)}.${String(amount % ETHER_WEI).padStart(18, "0").slice(0, 6)}`;
}

function Wallet(): ReactElement {
  const pages = usePages(["money", "transfers"], (asked) => api.moneyTransfers(asked), { limit: 100 });
  const rows = pages.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Panel title="Wallet" note="every nonce belongs to one grant" bare>
      {pages.isError && <ProblemNote error={pages.error} />}
      {!rows.length ? <NoRows pages={pages}><Empty title="Nothing has been sent">Transfers need a wallet, a cap for their recipient, and two keys that agree. <code>chimera wallet</code> sets one up.</Empty></NoRows> : (
        <div className="scroll-x"><table className="list"><thead><tr><th>Chain</th><th>Wallet</th><th className="num">Nonce</th><th>State</th><th className="num">Fee, ether</th><th>Grant</th></tr></thead>
          <tbody>{rows.map((row) => <tr key={row.id}><td>{row.chain}</td><td><Hash of={row.wallet} /></td><td className="num">{row.nonce}</td><td><State of={row.state} /></td><td className="num">{etherOf(row.paid_wei)}</td><td><Hash of={row.grant_id} /></td></tr>)}</tbody></table></div>
      )}
    </Panel>
  );
}

export function Returns({ names }: { names: ReadonlyMap<string, string> }): ReactElement {
  return <div className="stack"><div className="grid two"><Classes /><Wallet /></div><Campaigns names={names} /></div>;
}
