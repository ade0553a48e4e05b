/** In a file of its own, so that declaring options does not load the progress bar. */
export const PROGRESS_STYLES = ['auto', 'bar', 'plain', 'json', 'none'] as const;
export type ProgressStyle = (typeof PROGRESS_STYLES)[number];
