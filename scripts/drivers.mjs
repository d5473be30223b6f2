/** Where the Vulkan drivers' manifests lie on Linux; elsewhere Dawn has the system's own Metal or Direct3D. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const MANIFESTS = ['/etc', '/usr/local/share', '/usr/share', join(homedir(), '.local/share')].map((d) =>
  join(d, 'vulkan/icd.d'),
);
const list = (folder) =>
  existsSync(folder)
    ? readdirSync(folder)
        .sort()
        .map((name) => join(folder, name))
    : [];

/** Manifest of Mesa's lavapipe; its usual place where it is not installed. */
export const lavapipe = () =>
  MANIFESTS.flatMap(list).find((path) => /\/lvp_icd[^/]*\.json$/.test(path)) ?? '/usr/share/vulkan/icd.d/lvp_icd.json';

/** Manifest of SwiftShader in Debian's chromium. */
export const swiftshader = () => '/usr/lib/chromium/vk_swiftshader_icd.json';

/** Debian's Chromium, which the browser tests drive. */
export const chromiumPath = () => '/usr/bin/chromium';

/** The adapters that the GPU tests run on: name and manifest, or the default adapter where there is no choice. */
export const testAdapters = () =>
  process.platform === 'linux'
    ? [
        { name: 'lavapipe', manifest: lavapipe() },
        { name: 'swiftshader', manifest: swiftshader() },
      ]
    : [{ name: 'default', manifest: undefined }];

/** The variable that tells Vulkan's loader which drivers to take; undefined where none does. */
export const driverVariable = () =>
  ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'VK_ADD_DRIVER_FILES'].find((name) => process.env[name]);

/** Changes whenever a driver is installed, upgraded, removed or chosen by the environment. */
export function driversFingerprint() {
  const files = [...MANIFESTS.flatMap(list), swiftshader()].filter((path) => existsSync(path));
  const choice = Object.entries(process.env).filter(([name]) => /^VK_|^XDG_DATA/.test(name));
  return JSON.stringify([files.map((path) => [path, statSync(path).mtimeMs]), choice]);
}
