import type { ServiceSettings } from "./site";

/**
 * The services that must serve before one is started: those that it names, else the one that stands before it. Deployments are
 * used to being started all at once, and need none but those that they name.
 */
export function dependenciesOf(services: readonly ServiceSettings[], name: string): readonly string[] {
  const index = services.findIndex((service) => service.name === name);
  const service = services[index];
  if (service && "dependsOn" in service && service.dependsOn) return service.dependsOn;
  if (service && "deployment" in service) return [];
  return services.slice(Math.max(0, index - 1), Math.max(0, index)).map((before) => before.name);
}

/**
 * In which order services are stopped: none while another one that needs it still runs, and at once what can be. Those that
 * clients reach go first, since what these have asked for may still need the others.
 *
 * @param names - of those that stop
 */
export function stopWaves(services: readonly ServiceSettings[], names: readonly string[]): string[][] {
  const waves: string[][] = [];
  for (let left = [...names]; left.length > 0;) {
    const needed = new Set(left.flatMap((name) => dependenciesOf(services, name)));
    const unneeded = left.filter((name) => !needed.has(name));
    const reached = unneeded.filter((name) => services.some((service) => service.name === name && service.port !== 0));
    const wave = reached.length > 0 ? reached : unneeded;
    waves.push(wave);
    left = left.filter((name) => !wave.includes(name));
  }
  return waves;
}
