/** Who you are here and what your roles let you do. */
import type { ReactElement } from "react";
import { Chip, Head, Panel } from "@/parts/parts";
import { useSession } from "@/session";

export default function People(): ReactElement {
  const session = useSession();
  const byThing = Map.groupBy(session.permitted, (one) => one.split(".")[0] ?? "");
  return (
    <div className="page">
      <Head title="People">The people pack says who may do what; what it does not permit is denied.</Head>
      <div className="grid two">
        <Panel title="You"><dl className="facts"><dt>Name</dt><dd>{session.name}</dd><dt>Roles</dt><dd>{session.roles.map((role) => <Chip key={role} tone="go">{role}</Chip>)}</dd><dt>Where</dt><dd>{session.within.join(", ") || "everywhere"}</dd><dt>House’s zone</dt><dd>{session.timezone}</dd></dl></Panel>
        <Panel title="What you may do"><dl className="facts">{[...byThing].map(([thing, all]) => <div key={thing} style={{ display: "contents" }}><dt>{thing}</dt><dd>{all.map((one) => one.split(".")[1]).join(", ")}</dd></div>)}</dl></Panel>
      </div>
    </div>
  );
}
