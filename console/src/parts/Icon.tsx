/** The few signs that the console uses, drawn on a grid of sixteen. They never carry a meaning alone. */
import type { ReactElement } from "react";

const PATHS = {
  fleet: "M2.5 3.5h4v4h-4zM9.5 3.5h4v4h-4zM2.5 10h4v3h-4zM9.5 10h4v3h-4z",
  reviews: "M3 2.5h10v8H7.5L4.5 13.5v-3H3zM5.5 5.5h5M5.5 8h3",
  campaigns: "M3.5 3.5a1.5 1.5 0 1 0 .01 0M12.5 5.5a1.5 1.5 0 1 0 .01 0M5 11.5a1.5 1.5 0 1 0 .01 0M5 5l6 1.8M4 6.4l.8 5M11.5 8.2l-5 3.8",
  conversations: "M2.5 3h8v5.5h-4L4 10.5v-2H2.5zM12 6h1.5v5.5H12v2l-2.5-2H6.5",
  trends: "M2.5 12l3.5-4 2.5 2 5-6.5M10 3.5h3.5V7",
  agents: "M8 2.5a2.5 2.5 0 1 0 .01 0M3 13.5c.6-3 2.4-4.5 5-4.5s4.400 1.500 5 4.500",
  money: "M2.5 4.500h11v7h-11zM8 6.500a1.500 1.500 0 1 0 .010 0M4.500 6.500v.010M11.500 9.500v.010",
  audit: "M4.500 6.500V5a3.500 3.500 0 0 1 7 0v1.500M3 6.500h10v7H3zM8 9.500v1.500",
  policy: "M8 2l5 2v3.500c0 3-2 5.500-5 6.500-3-1-5-3.500-5-6.500V4zM5.800 8l1.600 1.600L10.500 6.500",
  tools: "M9.500 2.500a3 3 0 0 0-2.800 4.200L2.500 11l2 2 4.300-4.200A3 3 0 0 0 13 5.500l-2 1-1.500-1.500 1-2z",
  connections: "M6.500 9.500l3-3M5 7L3.500 8.500a2.500 2.500 0 0 0 4 4L9 11M7 5l1.500-1.500a2.500 2.500 0 0 1 4 4L11 9",
  people: "M5.500 3.500a2 2 0 1 0 .010 0M2 12.500c.300-2.500 1.600-3.700 3.500-3.700s3.200 1.200 3.500 3.700M10.500 4a1.800 1.800 0 1 1 0 3.600M11 9c1.700.100 2.800 1.300 3 3.300",
  kpis: "M2.500 13.500h11M4 11V8M7 11V4.500M10 11V6.500M13 11V3",
  start: "M3 8h9M8.500 4L12.500 8l-4 4",
  halt: "M5.500 2.500h5l3 3v5l-3 3h-5l-3-3v-5zM6 6v4M10 6v4",
  play: "M5 3.500l7 4.500-7 4.500z",
  search: "M7 3a4 4 0 1 0 .010 0M10 10l3.500 3.500",
  moon: "M13 9.500A5.500 5.500 0 1 1 6.500 3a4.500 4.500 0 0 0 6.500 6.500z",
  sun: "M8 5.500a2.500 2.500 0 1 0 .010 0M8 1.500v1.500M8 13v1.500M1.500 8H3M13 8h1.500M3.500 3.500l1 1M11.500 11.500l1 1M12.500 3.500l-1 1M4.500 11.500l-1 1",
  lock: "M5 7V5.500a3 3 0 0 1 6 0V7M4 7h8v6H4z",
  check: "M3 8.500l3.500 3.500L13 4.500",
  cross: "M4 4l8 8M12 4l-8 8",
  pen: "M3 13l.700-3L10.500 3.200l2.300 2.300L6 12.300z",
  ask: "M6 6a2 2 0 1 1 2.800 1.800c-.600.300-.800.700-.800 1.400M8 12v.010",
  clock: "M8 2.500a5.500 5.500 0 1 0 .010 0M8 5v3.300l2 1.200",
  flag: "M4 14V2.500h7.500L10 5.500l1.500 3H4",
  more: "M3.500 8v.010M8 8v.010M12.500 8v.010",
  left: "M10 3.500L5.500 8l4.500 4.500",
  right: "M6 3.500L10.500 8 6 12.500",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }): ReactElement {
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.4" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" style={{ flex: "none" }}>
      <path d={PATHS[name]} />
    </svg>
  );
}
