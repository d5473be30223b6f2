export declare const wgslText: { name: string; transform(code: string, id: string): string | undefined };
export declare function stripped(code: string): string;
