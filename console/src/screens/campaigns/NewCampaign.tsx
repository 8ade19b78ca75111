/** A new campaign from a goal: what is wanted, from whom, where, for how much. The planner takes it from there. */
import { Button, Checkbox, NumberInput, Select, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import * as api from "chimera-client";
import { useRead } from "@/api/queries";
import { ProblemNote } from "@/parts/parts";
import { useCurrency } from "@/session";
import { microsOf } from "@/words/money";

type Agent = api.AgentRow;

export function NewCampaign({ onDone }: { onDone: (id: string) => void }): ReactElement {
  const client = useQueryClient();
  const currency = useCurrency();
  const [words, setWords] = useState("");
  const [known, setKnown] = useState<Record<string, Agent>>({});
  const [agentId, setAgentId] = useState("");
  const [platform, setPlatform] = useState("");
  const [text, setText] = useState("");
  const [budget, setBudget] = useState("1.00");
  const [posts, setPosts] = useState(3); // One may be refused; a first campaign should still show something.
  const [constraints, setConstraints] = useState("");
  const [ends, setEnds] = useState("");
  const [urgent, setUrgent] = useState(false);
  const found = useRead(["agents", "pick"], (asked) => api.agentsList(asked), { query: { q: words.replace(/ \(.*$/, ""), limit: 30, state: "active" } });
  const agent = known[agentId];
  const networks = [...new Set(agent?.accounts.map((account) => account.platform) ?? [])];
  const network = platform || networks[0] || "";
  const micros = microsOf(budget);
  const key = useState(() => crypto.randomUUID())[0];
  const open = useMutation({
    mutationFn: () => api.campaignsOpen({ headers: api.once(key), body: { text: text.trim(), agent: agentId, platform: network, budget_micros: micros ?? 0, posts, urgent, ...(ends && { ends: { at_us: endsAt * 1000 } }), constraints: constraints.split("\n").map((line) => line.trim()).filter(Boolean) } }),
    onSuccess: (campaign) => { void client.invalidateQueries({ queryKey: ["campaigns"] }); onDone(campaign.id); },
  });
  const endsAt = new Date(ends).getTime();
  const isLate = ends !== "" && !(endsAt > Date.now());
  const isReady = text.trim() !== "" && agentId !== "" && network !== "" && micros !== null && !isLate;
  const choose = (id: string | null): void => {
    const chosen = found.data?.items.find((one) => one.id === id);
    if (chosen) setKnown({ ...known, [chosen.id]: chosen });
    setAgentId(id ?? "");
    setPlatform("");
  };
  const options = [...new Map([...(agent ? [agent] : []), ...(found.data?.items ?? [])].map((one) => [one.id, { value: one.id, label: `${one.persona} (${one.name})` }])).values()];
  return (
    <form className="stack" onSubmit={(event) => { event.preventDefault(); if (isReady) open.mutate(); }}>
      <Textarea label="Goal" description="What do you want, in a sentence or two?" required autosize minRows={3} maxLength={2000} data-autofocus value={text} onChange={(event) => { setText(event.currentTarget.value); }} />
      <Select label="Agent" required searchable data={options} value={agentId || null} onChange={choose} onSearchChange={setWords} filter={({ options: all }) => all} nothingFoundMessage="No active agent by that name" />
      {networks.length > 1 && <Select label="Network" data={networks} value={network} allowDeselect={false} onChange={(value) => { setPlatform(value ?? ""); }} />}
      <div className="grid two" style={{ gridTemplateColumns: "1fr 1fr" }}>
        <TextInput label={`Budget, ${currency}`} required inputMode="decimal" value={budget} error={micros === null ? "An amount such as 2.50" : undefined} onChange={(event) => { setBudget(event.currentTarget.value); }} />
        <NumberInput label="Posts" min={1} max={100} value={posts} onChange={(value) => { setPosts(Number(value) || 1); }} />
      </div>
      <Textarea label="Constraints" description="One a line; they stand in every brief" autosize minRows={2} value={constraints} onChange={(event) => { setConstraints(event.currentTarget.value); }} />
      <TextInput type="datetime-local" label="Ends" description={`Nothing of it goes out after this; what has not by then is dropped. In your zone, ${Intl.DateTimeFormat().resolvedOptions().timeZone}`} value={ends} error={isLate ? "choose a time that lies ahead, or none" : undefined} onChange={(event) => { setEnds(event.currentTarget.value); }} />
      <Checkbox label="Urgent" description="Its own steps go before those of other campaigns. What it answers waits its turn." checked={urgent} onChange={(event) => { setUrgent(event.currentTarget.checked); }} />
      {open.isError && <ProblemNote error={open.error} />}
      <div className="row" style={{ justifyContent: "flex-end" }}><Button type="submit" loading={open.isPending} disabled={!isReady}>Open the campaign</Button></div>
    </form>
  );
}
