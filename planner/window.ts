/** Days of the week as a window names them. */
export const weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export type Weekday = (typeof weekdays)[number];

/** When an upgrade may begin: on these days, from a time up to another one, as the clocks of a time zone show it. */
export interface Window {
  /** Days on which it opens; one that passes midnight is open into the day after. */
  readonly days: readonly Weekday[];
  /** `22:00`. The same time as `to` is the whole day. */
  readonly from: string;
  readonly to: string;
  /** IANA name, such as `Europe/Berlin`. */
  readonly timezone: string;
}

/** What the clocks of a zone show: they may show it twice, or never, on the days on which they are changed. */
interface Clock {
  /** 0 is Monday. */
  readonly day: number;
  /** `09:05`. */
  readonly time: string;
}

/** Whether a moment lies in the window; its first minute does, and the one named `to` does not. */
export function isWithin(window: Window, now: Date): boolean {
  const { days, from, to } = window;
  const { day, time } = clockOf(window, now);
  const opensOn = (index: number) => days.includes(weekdays[(index + 7) % 7] ?? "mon");
  // Times of the same width compare as text.
  if (from < to) return opensOn(day) && time >= from && time < to;
  return (opensOn(day) && time >= from) || (opensOn(day - 1) && time < to);
}

/** `on mon, tue from 22:00 to 04:00 (Europe/Berlin)`. */
export function describeWindow({ days, from, to, timezone }: Window): string {
  const when = days.length === weekdays.length ? "on every day" : `on ${days.join(", ")}`;
  return `${when} from ${from} to ${to} (${timezone})`;
}

/** `sat 14:05`, as the zone's clocks show it. */
export function localTime(window: Window, now: Date): string {
  const { day, time } = clockOf(window, now);
  return `${weekdays[day] ?? ""} ${time}`;
}

/** Whether this machine knows a time zone of that name. */
export function isTimezone(timezone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: timezone });
    return true;
  } catch {
    return false;
  }
}

function clockOf({ timezone }: Window, now: Date): Clock {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: timezone,
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  const parts = Object.fromEntries(format.formatToParts(now).map(({ type, value }) => [type, value]));
  const day = weekdays.findIndex((name) => name === (parts.weekday ?? "").toLowerCase());
  return { day, time: `${parts.hour ?? ""}:${parts.minute ?? ""}` };
}
