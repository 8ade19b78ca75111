/** What a verb of the people pack permits, in plain words; and what each role is for. The API decides; this only explains. */

export const VERBS: Readonly<Record<string, string>> = {
  "fleet.look": "see what the fleet does: agents, campaigns, posts, the live feed",
  "fleet.run": "start the fleet on this machine",
  "goal.give": "open a campaign, or give one an input",
  "agent.change": "install, pause, activate or retire an agent, or change what it may do",
  "review.look": "see what waits for a ruling, with its bytes",
  "review.rule": "approve, edit, reject, ask, answer, claim, release",
  "review.assign": "give a review to somebody",
  "review.plant": "plant a decoy among the reviews",
  "halt.set": "stop a scope",
  "halt.lift": "let a scope go on",
  "policy.look": "read the policy in force",
  "policy.apply": "put another policy in force",
  "money.look": "see budgets, spending and transfers",
  "cap.set": "set or change a cap",
  "audit.look": "read and export history",
  "data.look": "read stored personal data",
  "data.erase": "export or erase a person’s data",
  "people.look": "see who may log in",
  "people.change": "add people, change their roles, disable them",
  "token.issue": "issue a token of one’s own",
  "token.revoke": "revoke a token",
  "system.change": "settings, webhooks, keys",
};

export const ROLES: readonly { value: string; label: string; says: string }[] = [
  { value: "owner", label: "Owner", says: "everything, people and policy included" },
  { value: "operator", label: "Operator", says: "runs the fleet: goals, agents, reviews, halts" },
  { value: "reviewer", label: "Reviewer", says: "rules on what waits for a person" },
  { value: "finance", label: "Finance", says: "sees money, sets caps, may halt" },
  { value: "auditor", label: "Auditor", says: "reads everything, changes nothing" },
  { value: "viewer", label: "Viewer", says: "sees what the fleet does" },
];

export function meaningOf(verb: string): string {
  return VERBS[verb] ?? verb.replace(".", ": ");
}
