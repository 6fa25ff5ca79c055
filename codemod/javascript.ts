import type { SgNode } from "@ast-grep/napi";

import { conversionOf, type Converter, parts, spanOf } from "./conversion";
import { type Entry, type Literal, made, type Node, type Parameter } from "./tree";

/** The nodes of a JavaScript or TypeScript file. */
export function javascriptTree(root: SgNode): Node {
  return convert(root);
}

/** What only wraps an expression, or says of what type it is. */
const transparent = new Set([
  "await_expression",
  "parenthesized_expression",
  "non_null_expression",
  "as_expression",
  "satisfies_expression",
]);

const { convert, other, field } = conversionOf({
  wrappedBy: (node) => (transparent.has(String(node.kind())) ? (parts(node)[0] ?? null) : null),
  converters: () => converters,
});

const nameOf: Converter = (node) => made({ kind: "name", ...spanOf(node), name: node.text() });
const nothing: Converter = (node) => made({ kind: "other", ...spanOf(node), children: [] });
const blockOf: Converter = (node) => made({ kind: "block", ...spanOf(node), children: parts(node).map(convert) });

const converters: Readonly<Record<string, Converter>> = {
  identifier: nameOf,
  shorthand_property_identifier: nameOf,
  shorthand_property_identifier_pattern: nameOf,
  this: nameOf,
  number: (node) => {
    const value = Number(node.text().replaceAll("_", ""));
    return Number.isNaN(value) ? nothing(node) : made({ kind: "number", ...spanOf(node), value });
  },
  string: text,
  template_string: text,
  member_expression: (node) =>
    made({
      kind: "member",
      ...spanOf(node),
      object: field(node, "object"),
      name: node.field("property")?.text() ?? "",
    }),
  subscript_expression: (node) => {
    const key = node.field("index");
    const name = key?.kind() === "string" ? keyText(key) : null;
    return name === null ? other(node) : made({ kind: "member", ...spanOf(node), object: field(node, "object"), name });
  },
  binary_expression: binary,
  ternary_expression: (node) =>
    made({
      kind: "either",
      ...spanOf(node),
      options: [field(node, "consequence"), field(node, "alternative")],
      condition: field(node, "condition"),
    }),
  array: (node) => made({ kind: "list", ...spanOf(node), items: parts(node).map(convert) }),
  object,
  call_expression: call,
  new_expression: call,
  variable_declarator: (node) => assignment(node, node.field("name"), node.field("value"), true),
  assignment_expression: (node) => assignment(node, node.field("left"), node.field("right"), false),
  augmented_assignment_expression: (node) =>
    made({
      kind: "other",
      ...spanOf(node),
      children: [assignment(node, node.field("left"), null, false), field(node, "right")],
    }),
  public_field_definition: (node) => classField(node, "name"),
  field_definition: (node) => classField(node, "property"),
  for_in_statement: (node) =>
    blockWith(node, [assignment(node, node.field("left"), null, true), field(node, "right"), field(node, "body")]),
  for_statement: blockOf,
  catch_clause: (node) => blockWith(node, [assignment(node, node.field("parameter"), null, true), field(node, "body")]),
  statement_block: blockOf,
  switch_body: blockOf,
  function_declaration: definition,
  generator_function_declaration: definition,
  function_expression: definition,
  generator_function: definition,
  arrow_function: definition,
  method_definition: definition,
  class_declaration: classOf,
  class: classOf,
  abstract_class_declaration: classOf,
  return_statement: (node) => {
    const [value] = parts(node);
    return made({ kind: "return", ...spanOf(node), value: value ? convert(value) : null });
  },
  import_statement: imported,
  type_annotation: nothing,
  type_arguments: nothing,
  type_parameters: nothing,
  interface_declaration: nothing,
  type_alias_declaration: nothing,
  ambient_declaration: nothing,
};

function text(node: SgNode): Node {
  const pieces = node.children().flatMap((part): (Literal | Node)[] => {
    const kind = String(part.kind());
    if (kind === "string_fragment" || kind === "escape_sequence")
      return [{ kind: "literal", ...spanOf(part), text: part.text() }];
    if (kind !== "template_substitution") return [];
    const [expression] = parts(part);
    return expression ? [convert(expression)] : [];
  });
  return made({ kind: "text", ...spanOf(node), pieces, statement: node.parent()?.kind() === "expression_statement" });
}

function keyText(node: SgNode | null): string | null {
  if (!node) return null;
  if (node.kind() === "property_identifier") return node.text();
  if (node.kind() !== "string") return null;
  const content = parts(node);
  if (content.length > 1 || content.some((part) => part.kind() !== "string_fragment")) return null;
  return content[0]?.text() ?? "";
}

function binary(node: SgNode): Node {
  const operator = node.field("operator")?.text() ?? "";
  const [left, right] = [field(node, "left"), field(node, "right")];
  if (operator === "+") return made({ kind: "join", ...spanOf(node), left, right });
  if (/^[!=]==?$/.test(operator)) return made({ kind: "equal", ...spanOf(node), left, right });
  if (operator === "||" || operator === "??")
    return made({ kind: "either", ...spanOf(node), options: [left, right], condition: null });
  return made({ kind: "other", ...spanOf(node), children: [left, right] });
}

function object(node: SgNode): Node {
  const entries: Entry[] = [];
  const more: Node[] = [];
  for (const part of parts(node)) {
    const value = part.field("value");
    const key = part.kind() === "pair" ? keyText(part.field("key")) : null;
    if (key !== null && value) entries.push({ key, ...spanOf(part), value: convert(value) });
    else if (part.kind() === "shorthand_property_identifier")
      entries.push({ key: part.text(), ...spanOf(part), value: convert(part) });
    else if (part.kind() === "spread_element") more.push(...parts(part).map(convert));
    else if (part.kind() === "method_definition")
      entries.push({ key: part.field("name")?.text() ?? "", ...spanOf(part), value: convert(part) });
    else more.push(other(part));
  }
  return made({ kind: "object", ...spanOf(node), entries, more });
}

function call(node: SgNode): Node {
  const callee = node.field("function") ?? node.field("constructor");
  const list = node.field("arguments");
  const positional: Node[] = [];
  const more: Node[] = [];
  const given = list?.kind() === "template_string" ? [list] : list ? parts(list) : [];
  for (const part of given)
    if (part.kind() === "spread_element") more.push(...parts(part).map(convert));
    else positional.push(convert(part));
  return made({
    kind: "call",
    ...spanOf(node),
    callee: callee ? convert(callee) : nothing(node),
    positional,
    named: [],
    more,
  });
}

function assignment(node: SgNode, left: SgNode | null, right: SgNode | null, declares: boolean): Node {
  if (!left) return other(node);
  const target = convert(left);
  const value = right ? convert(right) : null;
  const required = value && moduleOfRequire(value);
  if (required !== null && declares) return requiredModule(node, left, required);
  if (target.kind === "name" || target.kind === "member")
    return made({ kind: "assign", ...spanOf(node), target, value, declares });
  const assign = made({ kind: "assign", ...spanOf(left), target, value: null, declares });
  return value ? made({ kind: "other", ...spanOf(node), children: [assign, value] }) : assign;
}

function moduleOfRequire(value: Node): string | null {
  if (value.kind !== "call" || value.callee.kind !== "name" || value.callee.name !== "require") return null;
  const [name] = value.positional;
  const piece = name?.kind === "text" && name.pieces.length === 1 ? name.pieces[0] : null;
  return piece?.kind === "literal" ? piece.text : null;
}

/** `const { a, b: c } = require("x")` and `const x = require("x")` are imports. */
function requiredModule(node: SgNode, left: SgNode, module: string): Node {
  const names =
    left.kind() === "object_pattern"
      ? parts(left).map((part) => {
          const local = (part.field("value") ?? part).text();
          return { local, imported: (part.field("key") ?? part).text() };
        })
      : [{ local: left.text(), imported: null }];
  return made({ kind: "import", ...spanOf(node), module, names });
}

function classField(node: SgNode, name: string): Node {
  const [key, value] = [node.field(name), node.field("value")];
  if (!key) return other(node);
  return made({
    kind: "assign",
    ...spanOf(node),
    target: nameOf(key),
    value: value ? convert(value) : null,
    declares: true,
  });
}

function blockWith(node: SgNode, children: Node[]): Node {
  return made({ kind: "block", ...spanOf(node), children });
}

function parameter(node: SgNode): Parameter[] {
  const kind = String(node.kind());
  const pattern = node.field("pattern") ?? node.field("left") ?? node;
  const fallback = node.field("value") ?? node.field("right");
  if (kind === "identifier" || pattern.kind() === "identifier")
    return [{ name: pattern.text(), ...spanOf(node), fallback: fallback ? convert(fallback) : null }];
  return pattern
    .findAll({ rule: { any: [{ kind: "shorthand_property_identifier_pattern" }, { kind: "identifier" }] } })
    .map((name) => ({ name: name.text(), ...spanOf(name), fallback: null }));
}

function definition(node: SgNode): Node {
  const parameters = node.field("parameters");
  const single = node.field("parameter");
  const body = node.field("body");
  const inner = body ? convert(body) : null;
  const isBlock = body?.kind() === "statement_block";
  const result = inner && !isBlock ? made({ kind: "return", start: inner.start, end: inner.end, value: inner }) : inner;
  return made({
    kind: "function",
    ...spanOf(node),
    name: String(node.kind()).endsWith("declaration") ? (node.field("name")?.text() ?? null) : null,
    parameters: (parameters ? parts(parameters) : single ? [single] : []).flatMap(parameter),
    decorators: [],
    body: result ? [result] : [],
  });
}

function classOf(node: SgNode): Node {
  const body = node.field("body");
  return made({
    kind: "class",
    ...spanOf(node),
    name: node.field("name")?.text() ?? "",
    body: body ? [convert(body)] : [],
  });
}

function imported(node: SgNode): Node {
  const source = node.field("source");
  const module = source ? (keyText(source) ?? "") : "";
  const [clause] = parts(node).filter((part) => part.kind() === "import_clause");
  const names = (clause ? parts(clause) : []).flatMap((part): { local: string; imported: string | null }[] => {
    if (part.kind() === "identifier") return [{ local: part.text(), imported: "default" }];
    if (part.kind() === "namespace_import") return parts(part).map((name) => ({ local: name.text(), imported: null }));
    return parts(part).map((item) => {
      const name = (item.field("name") ?? item).text();
      return { local: item.field("alias")?.text() ?? name, imported: name };
    });
  });
  return made({ kind: "import", ...spanOf(node), module, names });
}
