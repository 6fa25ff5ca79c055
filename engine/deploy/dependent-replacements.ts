import type { ResourceProvider } from "../plugins/provider";
import { type PropertyMap, unknownValue } from "../property/value";
import { providerUrn, referencesOf, type ResourceState } from "../state/resource";
import { parseUrn } from "../state/urn";
import { applyReplaceOnChanges, diffResource, isReplacement } from "./diff";

type ProviderOf = (state: ResourceState) => Promise<ResourceProvider | undefined>;

/** The old inputs with everything that depends on a replaced resource unknown; undefined when nothing does. */
function inputsWithUnknowns(state: ResourceState, replaced: ReadonlySet<string>): PropertyMap | undefined {
  const inputs: PropertyMap = { ...state.inputs };
  let depends = false;
  for (const [key, dependencies] of Object.entries(state.propertyDependencies ?? {})) {
    if (!(key in inputs) || !dependencies.some((urn) => replaced.has(urn))) continue;
    inputs[key] = unknownValue;
    depends = true;
  }
  return depends ? inputs : undefined;
}

async function mustBeReplaced(
  state: ResourceState,
  replaced: ReadonlySet<string>,
  providerOf: ProviderOf,
): Promise<boolean> {
  if (!state.custom || state.external) return false;
  if (state.provider && replaced.has(providerUrn(state.provider))) return true;
  if (state.deletedWith && replaced.has(state.deletedWith)) return true;
  const news = inputsWithUnknowns(state, replaced);
  const provider = news && (await providerOf(state));
  if (!provider) return false;
  const { urn, type, id = "" } = state;
  const ignoreChanges = state.ignoreChanges ?? [];
  const request = { urn, type, id, name: parseUrn(urn).name, news, ignoreChanges };
  const diff = await diffResource(provider, {
    ...request,
    oldInputs: state.inputs ?? {},
    oldOutputs: state.outputs ?? {},
  });
  return isReplacement(applyReplaceOnChanges(diff, state.replaceOnChanges ?? [], false));
}

/**
 * The dependents that would be replaced too if `root` were deleted and made anew, in the order of the state. What the
 * program has registered already cannot depend on it.
 */
export async function dependentReplacements(
  root: ResourceState,
  states: readonly ResourceState[],
  registered: ReadonlySet<string>,
  providerOf: ProviderOf,
): Promise<ResourceState[]> {
  const dependents = new Set([root.urn]);
  const replaced = new Set([root.urn]);
  const found: ResourceState[] = [];
  for (const state of states) {
    if (state === root || state.delete || registered.has(state.urn)) continue;
    if (!referencesOf(state).some((urn) => dependents.has(urn))) continue;
    dependents.add(state.urn);
    if (!(await mustBeReplaced(state, replaced, providerOf))) continue;
    replaced.add(state.urn);
    found.push(state);
  }
  return found;
}
