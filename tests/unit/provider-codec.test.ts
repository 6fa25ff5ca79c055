import assert from "node:assert/strict";

import fc from "fast-check";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";

import { decodeProperties, encodeProperties, hasUnknown, type Properties } from "../../provider/codec";

// As Pulumi's wire format has them.
const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const secret = (value: unknown) => ({ "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", value });

function received(properties: Properties): Properties {
  return decodeProperties(Struct.fromJavaScript(properties as Parameters<typeof Struct.fromJavaScript>[0]));
}

describe("properties on the wire", () => {
  it("come in clear, with secrets unwrapped wherever they are", () => {
    const sent = { a: secret("x"), list: [1, secret({ deep: secret([true]) })], plain: { value: 1 } };
    assert.deepEqual(received(sent), { a: "x", list: [1, { deep: [true] }], plain: { value: 1 } });
  });

  it("are no properties when there are none", () => assert.deepEqual(decodeProperties(undefined), {}));

  it("lose what is undefined, and nothing else", () => {
    const sent = { a: undefined, b: null, c: [undefined, ""], d: { e: undefined, f: false } };
    assert.deepEqual(decodeProperties(encodeProperties(sent)), { b: null, c: [null, ""], d: { f: false } });
  });

  it("come back as they were sent", () => {
    const json = fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 6 }).map((value) => JSON.stringify(value));
    // Protobuf's own objects cannot hold that key.
    fc.assert(
      fc.property(
        json.filter((text) => !text.includes("__proto__")),
        (text) => {
          const plain = JSON.parse(text) as Properties;
          const wire = Struct.deserializeBinary(encodeProperties(plain).serializeBinary());
          assert.deepEqual(sorted(decodeProperties(wire)), sorted(plain));
        },
      ),
    );
  });

  it("are unknown when anything in them is", () => {
    assert.equal(hasUnknown({ a: { b: [1, { c: unknown }] } }), true);
    assert.equal(hasUnknown(received({ a: secret(unknown) })), true);
    assert.equal(hasUnknown({ a: { b: [1, { c: "04da6b54" }] }, d: null, e: [] }), false);
    assert.equal(hasUnknown(undefined), false);
  });
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.entries(value)
    .map(([key, inner]) => [key, sorted(inner)] as const)
    .toSorted(([left], [right]) => (left < right ? -1 : 1));
}
