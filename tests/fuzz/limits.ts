/** What one input may cost. */

/** Processor milliseconds; the slowest inputs are a few times below, on a busy machine too. */
export const MAX_MILLISECONDS = 500;
/** Megabytes of JavaScript heap that a child process may have: above it is ended. */
export const HEAP_MEGABYTES = 96;
