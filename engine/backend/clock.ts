let last = 0n;

/** Nanoseconds since 1970, never the same twice in one process: names of history records. */
export function unixNano(): bigint {
  const now = BigInt(Date.now()) * 1_000_000n + (process.hrtime.bigint() % 1_000_000n);
  last = now > last ? now : last + 1n;
  return last;
}

/** RFC 3339 with nanoseconds, as Go writes times. */
export function rfc3339Nano(nano: bigint = unixNano()): string {
  const seconds = new Date(Number(nano / 1_000_000n)).toISOString().slice(0, 19);
  const fraction = (nano % 1_000_000_000n).toString().padStart(9, "0").replace(/0+$/, "");
  return `${seconds}${fraction ? `.${fraction}` : ""}Z`;
}
