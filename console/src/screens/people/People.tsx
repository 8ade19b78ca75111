/** Who you are here and what your role lets you do. */
import type { ReactElement } from "react";
import { Chip, Head, Panel, When } from "@/parts/parts";
import { useSession } from "@/session";

const VERBS: Record<string, string> = { read: "sees", write: "changes", rule: "rules on", begin: "begins", end: "ends" };

export default function People(): ReactElement {
  const session = useSession();
  const byVerb = Map.groupBy(session.permitted, (one) => one.split(":")[0] ?? "");
  return (
    <div className="page">
      <Head title="People">Roles are one table; what is not in it is denied.</Head>
      <div className="grid two">
        <Panel title="You"><dl className="facts"><dt>Name</dt><dd>{session.name}</dd><dt>Role</dt><dd><Chip tone="go">{session.role}</Chip></dd><dt>Session ends</dt><dd><When us={session.expires_at_us} /></dd><dt>House’s zone</dt><dd>{session.timezone}</dd></dl></Panel>
        <Panel title="What your role may do"><dl className="facts">{[...byVerb].map(([verb, all]) => <div key={verb} style={{ display: "contents" }}><dt>{VERBS[verb] ?? verb}</dt><dd>{all.map((one) => one.split(":")[1]).join(", ")}</dd></div>)}</dl></Panel>
      </div>
    </div>
  );
}
