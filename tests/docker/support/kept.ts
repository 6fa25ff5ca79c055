import type { ResourceProvider } from "../../../engine/plugins/provider";
import { KeptResource } from "../../support/kept";
import { typeOf } from "../plugin/cases";

/** One resource of @pulumi/docker that a provider keeps. */
export class Kept extends KeptResource {
  constructor(provider: ResourceProvider, kind: string, name: string) {
    super(provider, typeOf(kind), name);
  }
}
