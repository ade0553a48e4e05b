/** The package's version. A constant, because a bundle has no package.json; a test compares the two. */
export const VERSION = '0.1.0';
