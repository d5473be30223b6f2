/**
 * Test projects. `unit` needs no GPU. The GPU projects run the same files once per adapter: VK_DRIVER_FILES picks the
 * Vulkan driver, and every file has a process of its own, so the variable is there before Dawn loads Vulkan.
 */
import { defineConfig } from 'vitest/config';
import { testAdapters } from './scripts/drivers.mjs';

const adapters = testAdapters();

const project = (name: string, folder: string, env: Record<string, string> = {}) => ({
  extends: true as const,
  test: { name, include: [`tests/${folder}/**/*.test.ts`], env },
});

const gpu = (name: string, folder: string, adapter: { name: string; manifest: string | undefined }) =>
  project(name, folder, {
    OVERTONE_ADAPTER: adapter.name,
    ...(adapter.manifest ? { VK_DRIVER_FILES: adapter.manifest } : {}),
  });

/** One browser at a time, after everything else: a page has all cores, and its frames are timed. What runs in Node beside it has the same driver. */
const chromium = gpu('browser', 'browser', adapters[adapters.length - 1]);
Object.assign(chromium.test, { maxWorkers: 1, sequence: { groupOrder: 1 }, expect: { poll: { timeout: 30_000 } } });

const hardware = { name: 'hardware', manifest: undefined };

export default defineConfig({
  test: {
    pool: 'forks',
    isolate: true,
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 10_000,
    passWithNoTests: false,
    allowOnly: false,
    projects: [
      project('unit', 'unit'),
      ...adapters.map((adapter) => gpu(adapter.name, 'gpu', adapter)),
      ...adapters.map((adapter) => gpu(`golden-${adapter.name}`, 'golden', adapter)),
      gpu('cli', 'cli', adapters[0]),
      gpu('faults', 'faults', adapters[0]),
      gpu('full', 'full', adapters[0]),
      chromium,
      gpu('hardware', 'gpu', hardware),
      gpu('golden-hardware', 'golden', hardware),
    ],
  },
});
