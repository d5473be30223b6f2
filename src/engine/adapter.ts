/** From an adapter to the engine's device: the features that kernels use where the adapter has them, and its own limits where they count. */
import { Device, type DeviceHost } from './device.ts';
import type { MatrixKernel } from './op.ts';

/** How a platform uses matrices of subgroups. */
export interface Matrices {
  readonly features: readonly GPUFeatureName[];
  /** The kernel for an adapter; undefined where it has no such matrices. */
  kernel(adapter: GPUAdapter): MatrixKernel | undefined;
  /** Whether the kernel is right and fast on the device. @throws GpuError `lost`. */
  check(device: Device, kernel: MatrixKernel): Promise<boolean>;
}

/** Opens `adapter`, which gives one device only. `features` are had beside those that kernels use, where the adapter has them. */
export async function openAdapter(
  adapter: GPUAdapter,
  host: Pick<DeviceHost, 'wait' | 'now'>,
  features: readonly GPUFeatureName[] = [],
  matrices?: Matrices,
): Promise<Device> {
  const { limits, info } = adapter;
  const kernel = matrices?.kernel(adapter);
  const wanted: GPUFeatureName[] = ['subgroups', ...(kernel ? matrices!.features : []), ...features];
  const gpu = await adapter.requestDevice({
    requiredFeatures: wanted.filter((feature) => adapter.features.has(feature)),
    requiredLimits: {
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxBufferSize: limits.maxBufferSize,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
    },
  });
  const { vendor, architecture, device: name, description } = info;
  const device = await Device.open({
    ...host,
    device: gpu,
    description: description || [vendor, architecture, name].filter(Boolean).join(' '),
  });
  try {
    if (kernel && (await matrices!.check(device, kernel))) device.matrixKernel = kernel;
    return device;
  } catch (error) {
    device.destroy();
    throw error;
  }
}
