declare module 'node-gyp-build' {
  /** Finds and loads the binary of the package in `dir`. */
  function load(dir: string): unknown;
  export = load;
}
