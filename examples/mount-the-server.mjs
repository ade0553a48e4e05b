// A program with Sightline's whole server below /photos: page, search, pictures, videos, API. Its own pages stay
// its own. With Fastify instead of Node's server: `app.register(sightlinePlugin, { library, prefix: '/photos' })`.
//
//   node examples/mount-the-server.mjs [folder] [--port=8080]     until Ctrl+C
//   node examples/mount-the-server.mjs --once                     asks itself once, and ends
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openLibrary } from 'sightline';
import { createHandler } from 'sightline/server';
import { drawPictures } from './pictures.mjs';

const { values, positionals } = parseArgs({
  options: { port: { type: 'string', default: '8080' }, once: { type: 'boolean', default: false } },
  allowPositionals: true,
});

const given = positionals[0];
const folder = given ?? (await mkdtemp(path.join(tmpdir(), 'sightline-app-')));
if (given === undefined) await drawPictures(folder, 24);
const library = await openLibrary(folder);
await library.sync();

// A host name other than localhost goes into `allowedHosts`; `token` if the program does not ask who it is.
const photos = createHandler(library, { prefix: '/photos' });
const server = createServer((request, response) => {
  photos(request, response, () => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end('<!doctype html><title>Home</title><a href="/photos/">Photos</a>');
  });
});
await new Promise((resolve) =>
  server.listen(values.once ? 0 : Number(values.port), '127.0.0.1', resolve),
);
const address = `http://127.0.0.1:${server.address().port}`;
console.log(`listening on ${address}`);

async function close() {
  // In this order: whoever searches may finish.
  await photos.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await library.close();
  if (given === undefined) await rm(folder, { recursive: true });
}

if (values.once) {
  const home = await (await fetch(`${address}/`)).text();
  console.log(`the program: ${/<title>(.*)<\/title>/.exec(home)[1]}`);
  const page = await (await fetch(`${address}/photos`)).text();
  console.log(`the page: ${/<title>(.*)<\/title>/.exec(page)[1]}`);
  const found = await (await fetch(`${address}/photos/search?q=a+red+circle&k=3`)).json();
  console.log(`a red circle: ${found.results.map((hit) => hit.media_path).join(' ')}`);
  await close();
} else process.once('SIGINT', () => void close());
