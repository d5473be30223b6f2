/** A stopwatch of this process's work, for limits that must hold however busy the machine is. Each test file has a process of its own. */

/** Starts it; the function gives the milliseconds of processor time since. */
export function workWatch(): () => number {
  const started = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(started);
    return (user + system) / 1000;
  };
}
