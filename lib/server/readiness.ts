/** Whether the first request would wait for the model to load: `/readyz`. */

export type ReadyState = 'warming' | 'ready' | 'failed' | 'closing';

export class Readiness {
  #state: ReadyState = 'warming';
  #error: unknown;

  /** @param load loads the models that the first request needs */
  constructor(private readonly load: () => Promise<unknown>) {}

  get state(): ReadyState {
    return this.#state;
  }

  /** Why the model could not be loaded; undefined unless the state is `failed`. */
  get error(): unknown {
    return this.#error;
  }

  /** Loads the model. Never rejects: a library without its model still serves frames and statistics. */
  async warm(): Promise<void> {
    try {
      await this.load();
      if (this.#state === 'warming') this.#state = 'ready';
    } catch (error) {
      if (this.#state !== 'warming') return;
      this.#state = 'failed';
      this.#error = error;
    }
  }

  /** A request succeeded, so the failure is over. */
  recovered(): void {
    if (this.#state === 'failed') this.#state = 'ready';
  }

  closing(): void {
    this.#state = 'closing';
  }
}
