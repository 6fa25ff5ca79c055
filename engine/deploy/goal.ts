import type { PropertyMap, PropertyValue } from "../property/value";
import type { CustomTimeouts, ResourceState } from "../state/resource";

/** What a program asks for when it registers a resource. */
export interface Goal {
  type: string;
  /** What the type was called in earlier versions of its package. */
  formerTypes: string[];
  name: string;
  custom: boolean;
  inputs: PropertyMap;
  parent: string;
  protect: boolean | undefined;
  dependencies: string[];
  provider: string;
  version: string;
  pluginDownloadURL: string;
  /** Explicit providers by package, inherited by children. */
  providers: Map<string, string>;
  propertyDependencies: Record<string, string[]>;
  deleteBeforeReplace: boolean | undefined;
  ignoreChanges: string[];
  additionalSecretOutputs: string[];
  customTimeouts: CustomTimeouts;
  replaceOnChanges: string[];
  retainOnDelete: boolean | undefined;
  deletedWith: string;
  hideDiffs: string[];
  replacementTrigger: PropertyValue | undefined;
  sourcePosition: string | undefined;
  stackTrace: ResourceState["stackTrace"];
  /** The id of a resource that is only read: the stack does not own it. */
  readId?: string;
}

/** A goal with nothing but its identity: default providers, tests. */
export function plainGoal(type: string, name: string, inputs: PropertyMap): Goal {
  return {
    type,
    formerTypes: [],
    name,
    custom: true,
    inputs,
    parent: "",
    protect: undefined,
    dependencies: [],
    provider: "",
    version: "",
    pluginDownloadURL: "",
    providers: new Map(),
    propertyDependencies: {},
    deleteBeforeReplace: undefined,
    ignoreChanges: [],
    additionalSecretOutputs: [],
    customTimeouts: {},
    replaceOnChanges: [],
    retainOnDelete: undefined,
    deletedWith: "",
    hideDiffs: [],
    replacementTrigger: undefined,
    sourcePosition: undefined,
    stackTrace: undefined,
  };
}
