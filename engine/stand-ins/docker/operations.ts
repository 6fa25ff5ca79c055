import type { PropertyMap } from "../../property/value";
import type { Engine } from "./engine";

/** What is done to one kind of resource; all values are plain, and outputs without `id`. */
export interface Operations {
  /** @throws InitError for one that is there but not in order */
  create(engine: Engine, inputs: PropertyMap): Promise<{ readonly id: string; readonly outputs: PropertyMap }>;
  /**
   * What the engine says of it, as far as the plugin asks; null when it is not there.
   *
   * @param known - outputs or inputs that are known of it
   */
  read(engine: Engine, id: string, known: PropertyMap): Promise<PropertyMap | null>;
  /** The id after a look at it, where that can change. */
  idOf?(outputs: PropertyMap): string;
  /** Answers the outputs that are known only now. */
  update?(engine: Engine, id: string, inputs: PropertyMap, olds: PropertyMap): Promise<PropertyMap>;
  /** @param olds - outputs of the state */
  delete(engine: Engine, id: string, olds: PropertyMap): Promise<void>;
}
