/**
 * A file read by position, of known length. No count from inside the file is used before it is checked
 * against that length.
 */
import { open, stat, type FileHandle } from 'node:fs/promises';
import { makeError, type LibraryError } from '../../base/errors';
import { fileError } from '../../base/files/system-errors';

/** Largest single read: the system refuses more than 2 GiB. */
const MAX_READ_BYTES = 64 * 1024 * 1024;

/** The error for an invalid file; `details` has the numbers. */
export function corrupt(
  path: string,
  what: string,
  details: Readonly<Record<string, unknown>> = {},
): LibraryError {
  return makeError('ERR_FILE_CORRUPT', `${path}: ${what}`, { details: { path, ...details } });
}

/** The error for a file that may be valid but is of an unsupported kind. */
export function unsupported(path: string, what: string): LibraryError {
  return makeError('ERR_FILE_UNSUPPORTED', `${path}: ${what}`, { details: { path } });
}

/**
 * An array of `length` numbers.
 *
 * @throws ERR_NO_MEMORY instead of the RangeError of an array that is too long
 */
export function allocate<T>(
  path: string,
  length: number,
  Type: { readonly BYTES_PER_ELEMENT: number; new (length: number): T },
): T {
  try {
    return new Type(length);
  } catch (cause) {
    const bytes = length * Type.BYTES_PER_ELEMENT;
    throw makeError('ERR_NO_MEMORY', `${path}: no memory for ${bytes} bytes; read it in blocks`, {
      details: { path, bytes },
      cause,
    });
  }
}

export class ByteFile {
  private constructor(
    readonly path: string,
    readonly size: number,
    private readonly handle: FileHandle,
  ) {}

  /** @throws ERR_FILE_MISSING | ERR_FILE_UNSUPPORTED (a folder, a pipe) | ERR_IO */
  static async open(path: string): Promise<ByteFile> {
    let handle: FileHandle | undefined;
    try {
      // Before opening: opening a pipe blocks until its other end opens.
      if (!(await stat(path)).isFile()) throw unsupported(path, 'not a regular file');
      handle = await open(path, 'r');
      return new ByteFile(path, (await handle.stat()).size, handle);
    } catch (error) {
      await handle?.close();
      throw fileError(path, 'opened', error);
    }
  }

  /** Whether `length` bytes from `offset` lie inside. By subtraction, which cannot overflow. */
  holds(offset: number, length: number): boolean {
    return offset >= 0 && offset <= this.size && length >= 0 && length <= this.size - offset;
  }

  /**
   * Exactly these bytes, in a buffer of their own.
   *
   * @throws ERR_FILE_CORRUPT if the file ends earlier | ERR_IO | ERR_NO_MEMORY
   */
  async read(offset: number, length: number): Promise<Uint8Array> {
    if (!this.holds(offset, length)) throw this.endsBefore(offset, length);
    const bytes = allocate(this.path, length, Uint8Array);
    for (let done = 0; done < length;) {
      const wanted = Math.min(MAX_READ_BYTES, length - done);
      const got = await this.readSome(bytes, done, wanted, offset + done);
      // The file has shrunk since it was opened.
      if (got === 0) throw this.endsBefore(offset, length);
      done += got;
    }
    return bytes;
  }

  /** Waits for reads in flight. */
  async close(): Promise<void> {
    await this.handle.close();
  }

  private async readSome(
    bytes: Uint8Array,
    at: number,
    length: number,
    position: number,
  ): Promise<number> {
    try {
      return (await this.handle.read(bytes, at, length, position)).bytesRead;
    } catch (error) {
      throw fileError(this.path, 'read', error);
    }
  }

  private endsBefore(offset: number, length: number): LibraryError {
    return corrupt(this.path, `ends before byte ${offset + length}`, { offset, length });
  }
}
