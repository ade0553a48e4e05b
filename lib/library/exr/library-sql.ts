/** `library.sql`: parameters from files, frames and arrays; spaces of the library for nearest(). */
import path from 'node:path';
import { types } from 'node:util';
import { bytesOfVector } from '../../base/arrays';
import { CATALOG_FILE } from '../../base/files/names';
import { makeError } from '../../base/errors';
import { outOfRange, readOptions, STRING, wrongType } from '../../base/options';
import {
  rewrite,
  SQL_OPTIONS,
  SqlRunner,
  tokensOf,
  type NearRows,
  type SearchedSpace,
  type SqlOptions,
  type SqlResult,
  type SqlValue,
} from '../../sql';
import type { ExrOfLibrary } from './library-exr';
import { SQL_VECTOR, type SqlParam, type SqlVector } from './options';

export interface SqlHost {
  readonly dir: string;
  readonly exr: ExrOfLibrary;
  frameVector(frameId: number): Promise<Float32Array | undefined>;
  searchFrames(vector: Float32Array, k: number, exact: boolean): Promise<NearRows>;
}

/** Engine and SQL round differently: a row at the bound must not be lost. */
const SLACK = 1e-5;

export class SqlOfLibrary {
  private readonly runner: SqlRunner;

  constructor(private readonly host: SqlHost) {
    this.runner = new SqlRunner({
      file: path.join(host.dir, CATALOG_FILE),
      version: () => host.exr.spaces.version,
      search: (space, vector, how) => this.search(space, vector, how),
    });
  }

  async run(text: string, params: readonly SqlParam[], given: SqlOptions): Promise<SqlResult> {
    const options = readOptions('options', given, SQL_OPTIONS);
    const sql = STRING('sql', text);
    if (!Array.isArray(params)) throw wrongType('params', 'an array', params);
    const { comparedWith } = rewrite(sql, tokensOf(sql));
    const values: SqlValue[] = [];
    for (const [place, param] of (params as readonly SqlParam[]).entries())
      values.push(await this.valueOf(param, place, comparedWith.get(place)));
    return this.runner.run(sql, values, options);
  }

  private async valueOf(
    param: SqlParam,
    place: number,
    column: string | undefined,
  ): Promise<SqlValue> {
    const name = `params[${place}]`;
    if (param === null || ['string', 'number', 'bigint', 'boolean'].includes(typeof param))
      return param as SqlValue;
    if (types.isFloat32Array(param)) return bytesOfVector(param);
    if (types.isUint8Array(param)) return param;
    if (Array.isArray(param)) {
      if (param.length > 0 && param.every((one) => typeof one === 'number'))
        return bytesOfVector(Float32Array.from(param));
      throw wrongType(name, 'an array of numbers', param);
    }
    const { exr, file, frame, by } = readOptions<SqlVector>(name, param, SQL_VECTOR);
    const target = exr ?? file;
    if ((target === undefined) === (frame === undefined))
      throw outOfRange(name, 'one of exr, file and frame', param);
    if (frame !== undefined) {
      const vector = await this.host.frameVector(frame);
      if (vector !== undefined) return bytesOfVector(vector);
      throw makeError('ERR_NOT_FOUND', `${name}: the library has no searchable frame ${frame}`, {
        details: { frame },
      });
    }
    const { vectors } = await this.host.exr.vectorsOfTarget(target as string | number);
    return vectors[by ?? (column === 'channel_fingerprint' ? 'channels' : 'metadata')];
  }

  private async search(
    space: string,
    vector: Float32Array,
    { k, exact, below }: SearchedSpace,
  ): Promise<NearRows | undefined> {
    if (space === 'clip') return this.host.searchFrames(vector, k, exact);
    const kind =
      space === 'exr-metadata' ? 'metadata' : space === 'exr-channels' ? 'channels' : undefined;
    if (kind === undefined) return undefined;
    return this.host.exr.spaces.search(kind, vector, {
      k,
      exact,
      below: below === undefined ? undefined : below + SLACK,
    });
  }

  close(): void {
    this.runner.close();
  }
}
