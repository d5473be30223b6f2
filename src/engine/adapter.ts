/** From an adapter to the engine's device: the features that kernels use where the adapter has them, and its own limits where they count. */
import { Device, type DeviceHost } from './device.ts';

/** Opens `adapter`, which gives one device only. `features` are had beside those that kernels use, where the adapter has them. */
export async function openAdapter(
  adapter: GPUAdapter,
  host: Omit<DeviceHost, 'device' | 'description'>,
  features: readonly GPUFeatureName[] = [],
): Promise<Device> {
  const { limits, info } = adapter;
  const device = await adapter.requestDevice({
    requiredFeatures: (['subgroups', ...features] as const).filter((feature) => adapter.features.has(feature)),
    requiredLimits: {
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxBufferSize: limits.maxBufferSize,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
    },
  });
  const { vendor, architecture, device: name, description } = info;
  return Device.open({
    ...host,
    device,
    description: description || [vendor, architecture, name].filter(Boolean).join(' '),
  });
}
