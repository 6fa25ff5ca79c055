import fc from "fast-check";

const key = fc.constantFrom("CACHE_ENABLED", "CACHE_TTL", "REFLEX_CACHE_TTL", "WEBHOOK_URL", "CACHE_L1_SIZE", "OTHER");

const value = fc.oneof(
  fc.constantFrom("true", "3600", "", "a=b=c", "$(id)", "`id`", "${CACHE_TTL}", "un#quoted", "'x y'", '"a # b"'),
  fc.constantFrom('"one\ntwo"', "'one\r\n# [octollm 9.9.9] two'", '"esc \\" aped"', "\0", "x".repeat(5_000)),
  fc.constantFrom('"open', "'open", '""', '"#x"', '" #'),
  fc.constantFrom(
    "https://example.com/octollm/webhook",
    "https://e.com/v1/webhook",
    '"https://e.com/webhook?a=/webhook#b"',
  ),
  fc.constantFrom("${BASE}/webhook", "https://e.com/webhook/", "/webhook", "https://u:p@e.com/mywebhook"),
  fc.string({ unit: "binary", maxLength: 12 }).map((text) => text.replace(/[\r\n\ud800-\udfff]/g, "")),
);

const line = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.constantFrom("", "export ", "  "),
        key,
        fc.constantFrom("=", " = "),
        value,
        fc.constantFrom("", " # note", "  "),
      )
      .map((parts) => parts.join("")),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom("", "# comment", "#CACHE_ENABLED=1", "# ====", "KEY: yaml", "BARE", "; rm -rf /", "="),
  },
);

/** Texts such as operators and their worst enemies write into an `.env` file. */
export const anyDotenv = fc
  .tuple(
    fc.constantFrom("", "\ufeff"),
    fc.array(fc.tuple(line, fc.constantFrom("\n", "\n", "\n", "\r\n", "\r"))),
    fc.option(line, { nil: "" }),
  )
  .map(([mark, lines, last]) => mark + lines.map(([text, end]) => text + end).join("") + last);
