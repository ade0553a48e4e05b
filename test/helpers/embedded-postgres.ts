/**
 * A real PostgreSQL with pgvector for tests, embedded: PGlite behind its socket server in a child
 * process, so that it can be killed and so that a query of a test and the server's answer to it do not
 * wait for each other. One backend serves all connections in turn, and it does not end statements at
 * `statement_timeout`; the rest is PostgreSQL.
 *
 * `SIGHTLINE_TEST_POSTGRES=postgres://...` runs the contract of the stores against a server of yours.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { fillFromShared } from './shared-folder';
import { makeTempDir } from './temp';

export interface TestPostgres {
  readonly url: string;
  readonly port: number;
  /** Ends the server at once, as a power cut of its machine would look from here. */
  kill(): Promise<void>;
  /** Starts it again on the same port and files. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface TestPostgresOptions {
  /** Without pgvector. */
  readonly isPlain?: boolean;
}

export async function startPostgres(options: TestPostgresOptions = {}): Promise<TestPostgres> {
  const kind = options.isPlain === true ? 'plain' : 'pgvector';
  const dataDir = makeTempDir('postgres');
  // Making a new database takes 9 s of a processor, opening one 2.
  await fillFromShared(dataDir, 'postgres', async (dir) => {
    const { child: maker } = await launch(dir, 0, 'pgvector');
    const ended = new Promise((resolve) => maker.once('close', resolve));
    maker.stdin?.end();
    await ended;
  });
  let { child, port } = await launch(dataDir, 0, kind);
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await ended;
  };
  return {
    url: `postgres://postgres:secret-word@127.0.0.1:${port}/postgres`,
    port,
    kill,
    restart: async () => {
      ({ child, port } = await launch(dataDir, port, kind));
    },
    stop: kill,
  };
}

function launch(
  dataDir: string,
  wanted: number,
  kind: string,
): Promise<{ child: ChildProcess; port: number }> {
  return new Promise((resolve, reject) => {
    const script = path.join(__dirname, 'embedded-postgres-child.js');
    const child = spawn(process.execPath, [script, dataDir, String(wanted), kind], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk));
    child.stdout.once('data', (chunk: Buffer) =>
      resolve({ child, port: Number(chunk.toString()) }),
    );
    child.once('close', (code) => reject(new Error(`PGlite ended with ${code}: ${errors}`)));
  });
}
