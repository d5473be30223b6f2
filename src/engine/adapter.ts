/** From an adapter to the engine's device: the features that kernels use where the adapter has them, and its own limits where they count. */
import { Device, type DeviceHost } from './device.ts';
import { MATRIX_FEATURE, checkMatrices, matrixShape } from './matrix_check.ts';

/** Opens `adapter`, which gives one device only. `features` are had beside those that kernels use, where the adapter has them. */
export async function openAdapter(
  adapter: GPUAdapter,
  host: Omit<DeviceHost, 'device' | 'description'>,
  features: readonly GPUFeatureName[] = [],
): Promise<Device> {
  const { limits, info } = adapter;
  const shape = matrixShape(adapter);
  const matrices: GPUFeatureName[] = shape ? ['shader-f16', MATRIX_FEATURE] : [];
  const device = await adapter.requestDevice({
    requiredFeatures: (['subgroups', ...matrices, ...features] as const).filter((feature) =>
      adapter.features.has(feature),
    ),
    requiredLimits: {
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxBufferSize: limits.maxBufferSize,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
    },
  });
  const { vendor, architecture, device: name, description } = info;
  const opened = await Device.open({
    ...host,
    device,
    description: description || [vendor, architecture, name].filter(Boolean).join(' '),
  });
  try {
    if (shape && (await checkMatrices(opened, shape))) opened.subgroupMatrix = shape;
    return opened;
  } catch (error) {
    opened.destroy();
    throw error;
  }
}
