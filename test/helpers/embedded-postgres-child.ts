/**
 * Main file of a child that serves PostgreSQL with pgvector (PGlite) on loopback: `DATA_DIR PORT`, and
 * `plain` for one without pgvector. Prints the port when it listens, and ends with its parent.
 */
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';

async function main(): Promise<void> {
  const [dataDir = '', port, kind] = process.argv.slice(2);
  const db = await PGlite.create({
    dataDir,
    extensions: kind === 'plain' ? {} : { vector },
  });
  const server = new PGLiteSocketServer({
    db,
    port: Number(port),
    host: '127.0.0.1',
    maxConnections: 32,
  });
  await server.start();
  process.stdout.write(`${server.getServerConn().split(':').at(-1)}\n`);
  process.stdin.on('end', () => void db.close().finally(() => process.exit())).resume();
}

void main();
