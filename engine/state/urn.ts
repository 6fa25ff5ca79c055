export const stackType = "pulumi:pulumi:Stack";
const providerPrefix = "pulumi:providers:";

/** The parts of `urn:pulumi:<stack>::<project>::<qualified type>::<name>`. */
export function parseUrn(urn: string): {
  stack: string;
  project: string;
  qualifiedType: string;
  type: string;
  name: string;
} {
  const [stack = "", project = "", qualifiedType = "", ...name] = urn.slice("urn:pulumi:".length).split("::");
  const type = qualifiedType.slice(qualifiedType.lastIndexOf("$") + 1);
  return { stack, project, qualifiedType, type, name: name.join("::") };
}

/** A resource's URN; a child of the stack has no parent in its type. */
export function makeUrn(stack: string, project: string, parent: string, type: string, name: string): string {
  const parentType = parent ? parseUrn(parent).qualifiedType : "";
  const qualified = parentType && parentType !== stackType ? `${parentType}$${type}` : type;
  return `urn:pulumi:${stack}::${project}::${qualified}::${name}`;
}

export const isProviderType = (type: string): boolean => type.startsWith(providerPrefix);
export const providerType = (packageName: string): string => providerPrefix + packageName;

/** The package of a type token: of `demo:index:Thing` and of `pulumi:providers:demo` it is `demo`. */
export function packageOf(type: string): string {
  return isProviderType(type) ? type.slice(providerPrefix.length) : type.slice(0, type.indexOf(":"));
}
