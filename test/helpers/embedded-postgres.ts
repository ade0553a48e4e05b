/**
 * A real PostgreSQL with pgvector for tests, embedded: PGlite behind its socket server in a child
 * process, so that it can be killed and so that a query of a test and the server's answer to it do not
 * wait for each other. One backend serves all connections in turn, and it does not end statements at
 * `statement_timeout`; the rest is PostgreSQL.
 *
 * `SIGHTLINE_TEST_POSTGRES=postgres://...` runs the same tests against a server of yours instead, but
 * those that kill it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
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

/** @param isDurable  keep the data in files, so that a killed server finds them again */
export async function startPostgres(isDurable = false): Promise<TestPostgres> {
  const dataDir = isDurable ? path.join(makeTempDir('postgres'), 'data') : '';
  let { child, port } = await launch(dataDir, 0);
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
      ({ child, port } = await launch(dataDir, port));
    },
    stop: kill,
  };
}

function launch(dataDir: string, wanted: number): Promise<{ child: ChildProcess; port: number }> {
  return new Promise((resolve, reject) => {
    const script = path.join(__dirname, 'embedded-postgres-child.js');
    const child = spawn(process.execPath, [script, dataDir, String(wanted)], {
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
