import type { Refusal } from "../refusals";
import type { World } from "../world";

/** Services whose port somebody else holds. */
export function judgePorts({ services }: World): Refusal[] {
  return services.flatMap(({ name, obstructed }) =>
    obstructed === null
      ? []
      : [
          {
            path: `octollm:services.${name}`,
            text: `${obstructed}. It is not taken for the service: end it, or correct the service's port and health path`,
          },
        ],
  );
}
