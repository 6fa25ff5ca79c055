import type { SgNode } from "@ast-grep/napi";

import { conversionOf, type Converter, parts, spanOf } from "./conversion";
import { type Entry, type Literal, made, type Node, type Parameter } from "./tree";

/** The nodes of a Python file. */
export function pythonTree(root: SgNode): Node {
  return convert(root);
}

const transparent = new Set(["await", "parenthesized_expression", "as_pattern_target"]);

const { convert, other, field } = conversionOf({
  wrappedBy: (node) => {
    const [inner, ...rest] = transparent.has(String(node.kind())) ? parts(node) : [];
    return inner && rest.length === 0 ? inner : null;
  },
  converters: () => converters,
});

const converters: Readonly<Record<string, Converter>> = {
  identifier: (node) => made({ kind: "name", ...spanOf(node), name: node.text() }),
  integer: (node) => made({ kind: "number", ...spanOf(node), value: Number(node.text().replaceAll("_", "")) }),
  string,
  concatenated_string: (node) => {
    const [first, ...rest] = parts(node).map(convert);
    return rest.reduce(
      (left, right) => made({ kind: "join", start: left.start, end: right.end, left, right }),
      first ?? other(node),
    );
  },
  attribute: (node) =>
    made({
      kind: "member",
      ...spanOf(node),
      object: field(node, "object"),
      name: node.field("attribute")?.text() ?? "",
    }),
  subscript,
  binary_operator: (node) => {
    if (node.field("operator")?.text() !== "+") return other(node);
    return made({ kind: "join", ...spanOf(node), left: field(node, "left"), right: field(node, "right") });
  },
  boolean_operator: (node) => {
    const options = [field(node, "left"), field(node, "right")];
    return made({ kind: "either", ...spanOf(node), options, condition: null });
  },
  conditional_expression: (node) => {
    const [then, condition, otherwise] = parts(node).map(convert);
    if (!then || !condition || !otherwise) return other(node);
    return made({ kind: "either", ...spanOf(node), options: [then, otherwise], condition });
  },
  global_statement: outer,
  nonlocal_statement: outer,
  comparison_operator: (node) => {
    const [left, right, ...rest] = parts(node);
    const operators = node.fieldChildren("operators").map((operator) => operator.text());
    if (!left || !right || rest.length > 0 || !/^(==|!=)$/.test(operators.join(""))) return other(node);
    return made({ kind: "equal", ...spanOf(node), left: convert(left), right: convert(right) });
  },
  list: (node) => made({ kind: "list", ...spanOf(node), items: parts(node).map(convert) }),
  tuple: (node) => made({ kind: "list", ...spanOf(node), items: parts(node).map(convert) }),
  dictionary,
  call,
  assignment: (node) => assignment(node, node.field("left"), node.field("right")),
  augmented_assignment: (node) => assignment(node, node.field("left"), null, node.field("right")),
  named_expression: (node) => assignment(node, node.field("name"), node.field("value")),
  as_pattern: (node) => assignment(node, node.field("alias"), parts(node)[0] ?? null),
  for_statement: loop,
  for_in_clause: loop,
  function_definition: (node) => definition(node, []),
  lambda: (node) => definition(node, []),
  decorated_definition: decorated,
  class_definition: (node) =>
    made({
      kind: "class",
      ...spanOf(node),
      name: node.field("name")?.text() ?? "",
      body: [node.field("superclasses"), node.field("body")].flatMap((part) => (part ? [convert(part)] : [])),
    }),
  return_statement: returned,
  yield: returned,
  import_statement: (node) => {
    const whole = parts(node).map((item) => {
      const module = (item.field("name") ?? item).text();
      const local = item.field("alias")?.text() ?? module;
      return made({ kind: "import", ...spanOf(item), module, names: [{ local, imported: null }] });
    });
    return whole.length === 1 && whole[0] ? whole[0] : made({ kind: "other", ...spanOf(node), children: whole });
  },
  import_from_statement: (node) => {
    const module = node.field("module_name")?.text() ?? "";
    const names = node.fieldChildren("name").map((item) => {
      const imported = (item.field("name") ?? item).text();
      return { local: item.field("alias")?.text() ?? imported, imported };
    });
    return made({ kind: "import", ...spanOf(node), module, names });
  },
  expression_statement: (node) => {
    const [only, ...rest] = parts(node);
    if (!only || rest.length > 0 || only.kind() !== "string") return other(node);
    const text = string(only);
    return text.kind === "text" ? { ...text, statement: true } : text;
  },
  type: (node) => made({ kind: "other", ...spanOf(node), children: [] }),
};

function string(node: SgNode): Node {
  const pieces = node.children().flatMap((part): (Literal | Node)[] => {
    if (part.kind() === "string_content") return [{ kind: "literal", ...spanOf(part), text: part.text() }];
    if (part.kind() !== "interpolation") return [];
    const [expression] = parts(part);
    return expression ? [convert(expression)] : [];
  });
  return made({ kind: "text", ...spanOf(node), pieces, statement: false });
}

function subscript(node: SgNode): Node {
  const keys = node.fieldChildren("subscript");
  const key = keys.length === 1 && keys[0] ? convert(keys[0]) : null;
  if (key?.kind === "text" && key.pieces.length === 1 && key.pieces[0]?.kind === "literal")
    return made({ kind: "member", ...spanOf(node), object: field(node, "value"), name: key.pieces[0].text });
  return other(node);
}

function keyText(node: SgNode | null): string | null {
  const content = node?.kind() === "string" ? node.children().slice(1, -1) : null;
  if (!content || content.length > 1 || content.some((part) => part.kind() !== "string_content")) return null;
  return content[0]?.text() ?? "";
}

function dictionary(node: SgNode): Node {
  const entries: Entry[] = [];
  const more: Node[] = [];
  for (const part of parts(node)) {
    const value = part.field("value");
    const key = part.kind() === "pair" ? keyText(part.field("key")) : null;
    if (key !== null && value) entries.push({ key, ...spanOf(part), value: convert(value) });
    else if (part.kind() === "pair") more.push(other(part));
    else more.push(...parts(part).map(convert));
  }
  return made({ kind: "object", ...spanOf(node), entries, more });
}

function call(node: SgNode): Node {
  const positional: Node[] = [];
  const named: Entry[] = [];
  const more: Node[] = [];
  const list = node.field("arguments");
  for (const part of list ? parts(list) : []) {
    const kind = String(part.kind());
    if (kind === "keyword_argument") {
      const entry = { key: part.field("name")?.text() ?? "", ...spanOf(part), value: field(part, "value") };
      named.push(entry);
    } else if (kind === "list_splat" || kind === "dictionary_splat") more.push(...parts(part).map(convert));
    else positional.push(convert(part));
  }
  const callee = field(node, "function");
  // dict(a=1) is another way to write { "a": 1 }.
  if (callee.kind === "name" && callee.name === "dict" && positional.length === 0)
    return made({ kind: "object", ...spanOf(node), entries: named, more });
  return made({ kind: "call", ...spanOf(node), callee, positional, named, more });
}

function assignment(node: SgNode, left: SgNode | null, right: SgNode | null, more: SgNode | null = null): Node {
  if (!left) return other(node);
  const target = convert(left);
  const whole = target.kind === "name" || target.kind === "member";
  const value = right ? convert(right) : null;
  const assign = made({
    kind: "assign",
    ...spanOf(node),
    target,
    value: whole ? value : null,
    declares: true,
  });
  const rest = [whole ? null : value, more ? convert(more) : null].filter((part) => part !== null);
  return rest.length === 0 ? assign : made({ kind: "other", ...spanOf(node), children: [assign, ...rest] });
}

function outer(node: SgNode): Node {
  return made({ kind: "outer", ...spanOf(node), names: parts(node).map((name) => name.text()) });
}

function loop(node: SgNode): Node {
  const left = node.field("left");
  const rest = parts(node).filter((part) => part.id() !== left?.id());
  const assign = assignment(node, left, null);
  return made({ kind: "other", ...spanOf(node), children: [assign, ...rest.map(convert)] });
}

function parameter(node: SgNode): Parameter[] {
  const kind = String(node.kind());
  if (kind === "identifier") return [{ name: node.text(), ...spanOf(node), fallback: null }];
  if (kind === "keyword_separator" || kind === "positional_separator") return [];
  const name = node.field("name") ?? parts(node)[0];
  const value = node.field("value");
  return name ? [{ name: name.text(), ...spanOf(node), fallback: value ? convert(value) : null }] : [];
}

function asReturn(value: Node): Node {
  return made({ kind: "return", start: value.start, end: value.end, value });
}

function definition(node: SgNode, decorators: readonly Node[]): Node {
  const parameters = node.field("parameters");
  const body = node.field("body");
  const inner = body ? convert(body) : null;
  return made({
    kind: "function",
    ...spanOf(node),
    name: node.field("name")?.text() ?? null,
    parameters: parameters ? parts(parameters).flatMap(parameter) : [],
    decorators,
    body: inner ? [String(node.kind()) === "lambda" ? asReturn(inner) : inner] : [],
  });
}

function decorated(node: SgNode): Node {
  const inner = node.field("definition");
  const decorators = parts(node).filter((part) => part.kind() === "decorator");
  const converted = decorators.flatMap((decorator) => parts(decorator).map(convert));
  if (inner?.kind() === "function_definition") return definition(inner, converted);
  return made({ kind: "other", ...spanOf(node), children: [...converted, ...(inner ? [convert(inner)] : [])] });
}

function returned(node: SgNode): Node {
  const [value] = parts(node);
  return made({ kind: "return", ...spanOf(node), value: value ? convert(value) : null });
}
