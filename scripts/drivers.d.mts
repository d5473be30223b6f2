export function lavapipe(): string;
export function swiftshader(): string;
export function testAdapters(): { name: string; manifest: string | undefined }[];
export function driversFingerprint(): string;
export function chromiumPath(): string;
