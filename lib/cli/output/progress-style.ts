/** The names of the progress styles, apart so that declaring options loads no bar. */
export const PROGRESS_STYLES = ['auto', 'bar', 'plain', 'json', 'none'] as const;
export type ProgressStyle = (typeof PROGRESS_STYLES)[number];
