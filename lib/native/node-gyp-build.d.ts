declare module 'node-gyp-build' {
  /** The file of the binary of the package in `dir`. */
  export function resolve(dir: string): string;
}
