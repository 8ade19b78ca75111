/** Every campaign, and a new one from a goal. */
import { Button, Modal, SegmentedControl } from "@mantine/core";
import { useEffect, useState, type ReactElement } from "react";
import { Link, useLocation, useParams, useSearch } from "wouter";
import * as api from "chimera-client";
import { type StateOf, usePages } from "@/api/queries";
import { Empty, Head, Money, NoRows, Panel, ProblemNote, State, When } from "@/parts/parts";
import { UntrustedLine } from "@/parts/Untrusted";
import { Campaign } from "@/screens/campaigns/Campaign";
import { NewCampaign } from "@/screens/campaigns/NewCampaign";
import { useMay } from "@/session";
import { useKeys } from "@/shell/keys";

type State = StateOf<api.CampaignsListData>;

export default function Campaigns(): ReactElement {
  const { id } = useParams<{ id?: string }>();
  const [, go] = useLocation();
  const search = useSearch();
  const may = useMay();
  const [state, setState] = useState<State>("");
  const [isNew, setNew] = useState(false);
  useEffect(() => { if (new URLSearchParams(search).has("new")) setNew(true); }, [search]);
  useKeys([{ keys: "n", says: "New campaign", group: "Campaigns", act: () => { if (may("goal.give")) setNew(true); } }]);
  const close = (): void => { setNew(false); if (search) go("/campaigns", { replace: true }); };
  return (
    <div className="page">
      {id ? <Campaign id={id} /> : <List state={state} onState={setState} onNew={() => { setNew(true); }} />}
      <Modal opened={isNew} onClose={close} title="New campaign" size="lg">{isNew && <NewCampaign onDone={(opened) => { setNew(false); go(`/campaigns/${opened}`); }} />}</Modal>
    </div>
  );
}

function List({ state, onState, onNew }: { state: State; onState: (state: State) => void; onNew: () => void }): ReactElement {
  const [, go] = useLocation();
  const may = useMay();
  const pages = usePages(["campaigns", "list"], (asked) => api.campaignsList(asked), { state, limit: 100 });
  const rows = pages.data?.pages.flatMap((page) => page.items) ?? [];
  const act = may("goal.give") ? <Button onClick={onNew} rightSection={<kbd>n</kbd>}>New campaign</Button> : undefined;
  return (
    <>
      <Head title="Campaigns" acts={act}>A goal with a budget. One planner writes its plan; every act of it goes through the gate.</Head>
      <div className="filters"><SegmentedControl aria-label="State" data={[{ value: "", label: "All" }, { value: "running", label: "Running" }, { value: "paused", label: "Paused" }, { value: "finished", label: "Finished" }, { value: "cancelled", label: "Cancelled" }]} value={state} onChange={onState} /></div>
      {pages.isError && <ProblemNote error={pages.error} />}
      <Panel bare label="Campaigns">
        {!rows.length ? <NoRows pages={pages}><Empty title="No campaigns here" act={act}>Say what you want, from whom and for how much. The planner does the rest, and asks where it must.</Empty></NoRows> : (
          <div className="scroll-x"><table className="list"><thead><tr><th>Goal</th><th>Agent</th><th>State</th><th className="num">Plans</th><th className="num">Budget</th><th>Opened</th></tr></thead>
            <tbody>{rows.map((row) => (
              <tr key={row.id} className="link" onClick={() => { go(`/campaigns/${row.id}`); }}>
                <td style={{ maxWidth: 520 }}><Link href={`/campaigns/${row.id}`} style={{ color: "var(--text)" }}><UntrustedLine text={row.goal.text} /></Link></td><td className="soft">{row.agent_name}</td><td><State of={row.halted ? "halted" : row.state} /></td><td className="num">{row.plans}</td><td className="num"><Money micros={row.goal.budget_micros} /></td><td><When us={row.opened_at_us} /></td>
              </tr>
            ))}</tbody></table></div>
        )}
      </Panel>
      {pages.hasNextPage && <Button mt={12} variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>More</Button>}
    </>
  );
}
