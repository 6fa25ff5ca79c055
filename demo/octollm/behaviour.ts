/** How one release of OctoLLM behaves. */
export interface Behaviour {
  readonly version: string;
  /** What the paths of its API begin with. */
  readonly prefix: string;
  readonly priority: { readonly least: number; readonly most: number; readonly usual: number };
  /** Whether the deprecated POST /execute is there. */
  readonly execute: boolean;
  /** Schema revisions that its code works on. */
  readonly revisions: readonly string[];
  /** Whether it keeps a cache of its own, set up by CACHE_L1_*. */
  readonly cache: boolean;
}

const oldScale = { least: 1, most: 5, usual: 3 };

/** The releases that this small OctoLLM can be. */
export const behaviours: readonly Behaviour[] = [
  {
    version: "0.1.0",
    prefix: "",
    priority: oldScale,
    execute: true,
    revisions: ["def456", "abc123", "b1c2d3"],
    cache: false,
  },
  { version: "0.2.0", prefix: "", priority: oldScale, execute: true, revisions: ["abc123", "b1c2d3"], cache: true },
  {
    version: "1.0.0",
    prefix: "/api/v1",
    priority: { least: 1, most: 10, usual: 6 },
    execute: false,
    revisions: ["e4f5a6"],
    cache: true,
  },
];
