/** What an agent remembers: its words, whose words they were, how much they matter. */
import { Button } from "@mantine/core";
import type { ReactElement } from "react";
import * as api from "chimera-client";
import { usePages } from "@/api/queries";
import { Chip, Empty, Meter, NoRows, Panel, ProblemNote, State, When } from "@/parts/parts";
import { Untrusted } from "@/parts/Untrusted";

const WHOLE_BP = 10_000;

export function Memories({ id }: { id: string }): ReactElement {
  const pages = usePages(["agents", id, "memories"], (asked) => api.agentsMemories({ ...asked, path: { agent_id: id } }), { limit: 100 });
  const rows = pages.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Panel title="Memory" note="what it may draw on when it works" bare>
      {pages.isError && <ProblemNote error={pages.error} />}
      {!rows.length ? <NoRows pages={pages}><Empty title="It remembers nothing yet">With <code>note.keep</code> it keeps what may matter later, each with the labels of whoever said it. A stranger’s words stay a stranger’s words.</Empty></NoRows> : (
        <ul className="plain-list">{rows.map((one) => (
          <li key={one.id}>
            <div className="row" style={{ fontSize: 12.5 }}><Chip>{one.kind}</Chip>{one.state !== "kept" && <State of={one.state} />}{one.labels.map((label) => <Chip key={label} tone={label === "public" ? "wait" : "plain"}>{label}</Chip>)}<span className="grow" /><span style={{ width: 90 }} title="How much it matters"><Meter spent={one.importance_bp} held={0} cap={WHOLE_BP} /></span><span className="faint"><When us={one.at_us} /></span></div>
            {one.text ? <Untrusted text={one.text} /> : <span className="faint">forgotten; that there was something stays</span>}
          </li>
        ))}</ul>
      )}
      {pages.hasNextPage && <Button m={10} variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>More</Button>}
    </Panel>
  );
}
