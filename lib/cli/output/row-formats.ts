/** Forms in which rows are written. Apart, so that declaring the verbs loads nothing else. */
export const ROW_FORMATS = ['table', 'json', 'csv', 'parquet'] as const;
export type RowFormat = (typeof ROW_FORMATS)[number];
