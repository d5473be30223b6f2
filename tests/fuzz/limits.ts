/** What one input may cost, unless its target says more. */

/** Processor milliseconds. */
export const MAX_MILLISECONDS = 50;
/** Memory, of which a child process may have somewhat more as JavaScript heap: above it is ended. */
export const MAX_MEGABYTES = 64;
export const HEAP_MEGABYTES = 96;
