// A web app with a media library inside: a page, a search, the pictures. Plain Node, one process. (For a
// complete server with video, tokens and limits use `sightline serve`.)
//
//   node examples/embed-a-library.mjs [folder] [--port=8080]     until Ctrl+C
//   node examples/embed-a-library.mjs --once                     asks itself once, and ends
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { isLibraryError, openLibrary } from 'sightline';
import { drawPictures } from './pictures.mjs';

const { values, positionals } = parseArgs({
  options: { port: { type: 'string', default: '8080' }, once: { type: 'boolean', default: false } },
  allowPositionals: true,
});

const PAGE = `<!doctype html><meta charset="utf-8"><title>Pictures</title>
<form><input name="q" placeholder="a red circle" autofocus> <button>Search</button></form><main></main>
<script type="module">
const q = new URLSearchParams(location.search).get('q');
if (q) for (const hit of await (await fetch('/api/search?q=' + encodeURIComponent(q))).json()) {
  const picture = document.createElement('img');
  Object.assign(picture, { src: hit.picture, title: hit.path, height: 160 });
  document.querySelector('main').append(picture);
}
</script>`;

const json = (response, status, value) => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
};

async function answer(library, request, response) {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  if (request.method !== 'GET') return json(response, 405, { message: 'only GET' });
  if (pathname === '/') return response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
  if (pathname === '/api/search') {
    const text = searchParams.get('q') ?? '';
    const { results } = await library.search({ text }, { k: 12 });
    const hits = results.map(({ frame_id, similarity, media_path }) => {
      return { path: media_path, similarity, picture: `/picture/${frame_id}` };
    });
    return json(response, 200, hits);
  }
  // Ids only: no path comes from outside.
  const id = /^\/picture\/(\d{1,15})$/.exec(pathname)?.[1];
  const file = id === undefined ? undefined : library.frameFile(Number(id));
  if (file === undefined) return json(response, 404, { message: 'not found' });
  response.writeHead(200, { 'content-type': 'image/jpeg' });
  createReadStream(file)
    .on('error', () => response.destroy())
    .pipe(response);
}

function serve(library) {
  return createServer((request, response) => {
    answer(library, request, response).catch((error) => {
      // A code of ours is a wrong question or a state; anything else is a bug.
      const status = isLibraryError(error) && error.code.startsWith('ERR_ARG') ? 400 : 500;
      json(response, status, { code: error.code ?? 'ERR_INTERNAL', message: error.message });
    });
  });
}

const given = positionals[0];
const folder = given ?? (await mkdtemp(path.join(tmpdir(), 'sightline-app-')));
if (given === undefined) await drawPictures(folder, 24);
const library = await openLibrary(folder);
const server = serve(library);

async function close() {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await library.close();
  if (given === undefined) await rm(folder, { recursive: true });
}

// Searchable from the first batch on: the server need not wait for the sync.
const syncing = library.sync();
await new Promise((resolve) =>
  server.listen(values.once ? 0 : Number(values.port), '127.0.0.1', resolve),
);
const address = `http://127.0.0.1:${server.address().port}`;
console.log(`listening on ${address}`);
const { framesTotal } = await syncing;
console.log(`${framesTotal} pictures are searchable`);
if (values.once) {
  const hits = await (await fetch(`${address}/api/search?q=a+red+circle`)).json();
  const picture = await fetch(address + hits[0].picture);
  const bytes = (await picture.arrayBuffer()).byteLength;
  console.log(
    `a red circle: ${hits[0].path}, ${picture.headers.get('content-type')}, ${bytes} bytes`,
  );
  const wrong = await fetch(`${address}/api/search?q=`);
  console.log(`no question: ${wrong.status} ${(await wrong.json()).code}`);
  await close();
} else process.once('SIGINT', () => void close());
