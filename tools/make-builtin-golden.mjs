// Writes models/builtin/golden.json, the golden vectors of the built-in model. Run it only after training the
// model again and `npm run build`: otherwise it would hide the drift that `models verify builtin` detects.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
const { findModel } = require('../dist/lib/models/store/model-store.js');
const { encodeGolden } = require('../dist/lib/encode/golden/golden-encode.js');
const { writeGolden } = require('../dist/lib/models/store/golden.js');

const found = await findModel('builtin');
const golden = await encodeGolden(found, found.dtype, process.env, 'builtin');
const file = path.join(root, 'models/builtin/golden.json');
writeFileSync(file, `${JSON.stringify(writeGolden(golden), null, 2)}\n`);
console.log(`${file}: ${readFileSync(file).length} bytes`);
