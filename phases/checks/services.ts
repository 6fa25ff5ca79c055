import { runtime } from "../../runtimes/driver";
import type { ServiceSpec } from "../../runtimes/runtime";
import type { Check } from "./check";

/** Every service is healthy, and of the release where it says which one it is. */
export async function checkServices(specs: readonly ServiceSpec[]): Promise<Check[]> {
  return Promise.all(
    specs.map(async (spec) => {
      const state = await runtime.inspect(spec);
      const isRight = state.release === null || state.release === spec.release;
      return {
        subject: "services" as const,
        check: `${spec.name} answers ${spec.health} as ${spec.release}`,
        passed: state.healthy && isRight,
        detail: isRight ? state.detail : `${state.detail}, as ${state.release}`,
      };
    }),
  );
}
