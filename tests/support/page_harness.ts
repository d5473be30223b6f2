/** What the test page (tests/browser/page) offers to the tests that drive it. */
import type { Comparison } from './recordings.ts';

export interface PageHarness {
  /** Opens a device whose new activations hold NaN; the adapter in words. */
  open(): Promise<string>;
  /** Runs case `name` of op `op`: its worst error, and the bytes that it left on the device. */
  runCase(op: string, name: string): Promise<{ worst: number; left: number }>;
  /** The errors of every tensor of a recording with the embedded model. */
  compare(name: string): Promise<Comparison[]>;
  /** Gives everything back; throws what the device reported outside every run. */
  close(): void;
}
