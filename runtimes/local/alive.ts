import { processOf } from "./processes";

/**
 * Whether a process of this host with that id runs, whoever owns it. One that has ended and that nobody has collected
 * does not run: in a container whose first process collects nobody, such a one stays for ever.
 */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  return processOf(pid) !== null;
}
