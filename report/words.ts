/** `40 ms`, `0.4 s`, `48.3 s`, `3 min 05 s`, `2 h 04 min`. @param milliseconds - how long */
export function duration(milliseconds: number): string {
  if (milliseconds < 99.5) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 99.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

/** `2026-11-24 02:14:33 UTC`. @param at - milliseconds since the epoch */
export function moment(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** `20,000`. */
export function number(value: number): string {
  return value.toLocaleString("en");
}

/** `20,000 rows/s`; empty when it was over too quickly for a rate to mean anything. */
export function rowRate(rows: number, milliseconds: number): string {
  if (milliseconds < 50) return "";
  const rate = rows / (milliseconds / 1000);
  return `${number(rate < 10 ? Number(rate.toFixed(1)) : Math.round(rate))} rows/s`;
}

/** `1 line`, `2 lines`. */
export function many(count: number, noun: string): string {
  return `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
}
