/*
 * Amounts of CPU and memory as the API server writes them: `0.5` is `500m`, `1024Mi` is `1Gi`.
 * Source: CanonicalizeBytes in apimachinery's pkg/api/resource/quantity.go.
 */

const decimal = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const binary = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const nano = 10n ** 9n;

/** The amount in its canonical writing; what is no amount, or one with an exponent, stays as it is. */
export function canonicalQuantity(text: string): string {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/.exec(text.trim());
  const [, sign = "", whole = "", fraction = "", suffix = ""] = match ?? [];
  if (!match || whole + fraction === "") return text;
  const amount = nanos(whole, fraction, suffix);
  if (amount === 0n) return "0";
  const minus = sign === "-" ? "-" : "";
  const isBinary = suffix.endsWith("i") && amount % nano === 0n && amount / nano >= 1024n;
  return minus + (isBinary ? written(amount / nano, 1024n, binary) : written(amount, 1000n, decimal));
}

/** Billionths, rounded up. */
function nanos(whole: string, fraction: string, suffix: string): bigint {
  const digits = BigInt(whole + fraction);
  const unit = suffix.endsWith("i")
    ? nano * 1024n ** BigInt(binary.indexOf(suffix))
    : 1000n ** BigInt(decimal.indexOf(suffix));
  const parts = 10n ** BigInt(fraction.length);
  return (digits * unit + parts - 1n) / parts;
}

function written(amount: bigint, step: bigint, suffixes: readonly string[]): string {
  let rest = amount;
  let index = 0;
  while (rest % step === 0n && index < suffixes.length - 1) {
    rest /= step;
    index++;
  }
  return `${rest}${suffixes[index]}`;
}
