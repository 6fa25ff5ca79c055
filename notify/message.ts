import type { Plan } from "../planner/plan";
import type { Ending } from "../report/facts";

/** When people are told: as an attempt begins, when it has ended as asked, and when it has not. */
export const events = ["start", "success", "failure"] as const;
export type NotifyEvent = (typeof events)[number];

/** Whose shape a message has. */
export const formats = ["generic", "slack", "discord"] as const;
export type NotifyFormat = (typeof formats)[number];

/** What is said, whatever the shape. It holds no secret. */
export interface Message {
  readonly event: NotifyEvent;
  readonly stack: string;
  readonly host: string;
  readonly attempt: number;
  readonly plan: string;
  readonly direction: Plan["direction"];
  readonly from: string;
  readonly to: string;
  /** Null as an attempt begins. */
  readonly outcome: Ending["kind"] | null;
  /** ISO times; seconds of the whole and of the time without service. */
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly seconds: number | null;
  readonly downtimeSeconds: number | null;
  /** One sentence. */
  readonly text: string;
  /** What the operator was told after a failure; null otherwise. */
  readonly detail: string | null;
  /** Path of the HTML report on the host; null when there is none. */
  readonly report: string | null;
}

const signs: Readonly<Record<NotifyEvent, string>> = { start: "▶️", success: "✅", failure: "❌" };

/** Discord refuses a longer one; Slack cuts far later. */
const longest = 1_900;

/** The JSON body of a message in a webhook's shape. */
export function bodyOf(format: NotifyFormat, message: Message): object {
  const { event, text, detail, report } = message;
  if (format === "generic") return message;
  const lines = [`${signs[event]} ${text}`];
  const foot = report === null ? [] : [`Report: ${report}`];
  const room = longest - [...lines, ...foot].join("\n").length;
  if (format === "slack") return { text: [...lines, ...quoted(detail, room), ...foot].map(escapedForSlack).join("\n") };
  // A name in a text must not call anybody.
  return {
    content: [...lines.map(escapedForDiscord), ...quoted(detail, room), ...foot.map(escapedForDiscord)].join("\n"),
    allowed_mentions: { parse: [] },
  };
}

/** Both show a block between three backticks as it is; one within would end it. */
function quoted(detail: string | null, room: number): string[] {
  if (detail === null) return [];
  const safe = detail.replaceAll("```", "'''");
  const shown = safe.length > room ? `${safe.slice(0, room - 1)}…` : safe;
  return ["```", shown, "```"];
}

function escapedForSlack(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

function escapedForDiscord(text: string): string {
  return text.replace(/[\\`*_~|>[\]()]/g, "\\$&");
}
