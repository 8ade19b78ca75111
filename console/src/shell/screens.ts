/** Every screen: its address, its name, what one must be permitted to see it, and its code, which is loaded when it is opened. */
import { lazy, type ComponentType, type LazyExoticComponent } from "react";
import type { IconName } from "@/parts/Icon";

export interface Screen {
  path: string;
  /** What wouter matches: the screen's own places below its address. */
  route: string;
  title: string;
  icon: IconName;
  group: "Work" | "Fleet" | "Proof" | "House";
  needs: string;
  keys?: string;
  component: LazyExoticComponent<ComponentType>;
}

export const SCREENS: readonly Screen[] = [
  { path: "/reviews", route: "/reviews/:id?", title: "Reviews", icon: "reviews", group: "Work", needs: "review.look", keys: "g r", component: lazy(() => import("@/screens/reviews/Reviews")) },
  { path: "/campaigns", route: "/campaigns/:id?", title: "Campaigns", icon: "campaigns", group: "Work", needs: "fleet.look", keys: "g c", component: lazy(() => import("@/screens/campaigns/Campaigns")) },
  { path: "/conversations", route: "/conversations/:id?", title: "Conversations", icon: "conversations", group: "Work", needs: "fleet.look", keys: "g i", component: lazy(() => import("@/screens/conversations/Conversations")) },
  { path: "/trends", route: "/trends", title: "Trends", icon: "trends", group: "Work", needs: "fleet.look", component: lazy(() => import("@/screens/Trends")) },
  { path: "/fleet", route: "/fleet", title: "Fleet", icon: "fleet", group: "Fleet", needs: "fleet.look", keys: "g f", component: lazy(() => import("@/screens/fleet/Fleet")) },
  { path: "/agents", route: "/agents/:id?", title: "Agents", icon: "agents", group: "Fleet", needs: "fleet.look", keys: "g a", component: lazy(() => import("@/screens/agents/Agents")) },
  { path: "/tools", route: "/tools", title: "Tools", icon: "tools", group: "Fleet", needs: "fleet.look", component: lazy(() => import("@/screens/Tools")) },
  { path: "/connections", route: "/connections", title: "Connections", icon: "connections", group: "Fleet", needs: "fleet.look", component: lazy(() => import("@/screens/Connections")) },
  { path: "/money", route: "/money/:id?", title: "Money", icon: "money", group: "Proof", needs: "money.look", keys: "g m", component: lazy(() => import("@/screens/money/Money")) },
  { path: "/audit", route: "/audit/*?", title: "Audit", icon: "audit", group: "Proof", needs: "fleet.look", keys: "g u", component: lazy(() => import("@/screens/audit/Audit")) },
  { path: "/policy", route: "/policy/*?", title: "Policy", icon: "policy", group: "Proof", needs: "policy.look", keys: "g p", component: lazy(() => import("@/screens/policy/Policy")) },
  { path: "/kpis", route: "/kpis", title: "KPIs and alerts", icon: "kpis", group: "Proof", needs: "fleet.look", keys: "g k", component: lazy(() => import("@/screens/Kpis")) },
  { path: "/people", route: "/people/:part?", title: "People", icon: "people", group: "House", needs: "fleet.look", component: lazy(() => import("@/screens/people/People")) },
  { path: "/start", route: "/start", title: "Getting started", icon: "start", group: "House", needs: "fleet.look", component: lazy(() => import("@/screens/Start")) },
];

export const GROUPS = ["Work", "Fleet", "Proof", "House"] as const;
