/** What the page and `/health` say of the sync that runs behind the server, or of a change of the model. */
export interface SyncState {
  /** `off`: nobody syncs here. `elsewhere`: another process holds the library. */
  readonly state: 'off' | 'running' | 'idle' | 'failed' | 'elsewhere';
  /**
   * Of a change of the model: `download` counts bytes in `done` and `total`, `reembed` frames. Absent for a
   * sync.
   */
  readonly phase?: 'download' | 'reembed';
  /** Seconds between two looks at the folder; 0: one look only. */
  readonly watch: number;
  /** Files done and in all; of a running sync. In all is 0 while unknown. */
  readonly done: number;
  readonly total: number;
  /** Frames made searchable by it, and with those known to be waiting. */
  readonly frames: number;
  readonly framesTotal: number;
  /** End of the last sync, ISO 8601. */
  readonly finishedAt?: string;
  /** Why the last sync failed. */
  readonly error?: unknown;
}

export const NO_SYNC: SyncState = {
  state: 'off',
  watch: 0,
  done: 0,
  total: 0,
  frames: 0,
  framesTotal: 0,
};
