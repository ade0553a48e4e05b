"""Makes test/golden/vector-files: small files as numpy, hnswlib and usearch write them.

    python3 tools/make-vector-file-golden.py

One JSON file per library: its version, and the files by name in base64. Value i of a file is
(37 i mod 101 - 50) / 8, which float16 holds exactly; whole numbers are without the division, and
unsigned ones without the subtraction. The committed files were made with numpy 1.24, hnswlib 0.6.2 and
the usearch package of package.json.
"""

import base64
import io
import json
import os
import subprocess
import tempfile

import hnswlib
import numpy as np

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
OUT = os.path.join(ROOT, 'test', 'golden', 'vector-files')

USEARCH = """
const fs = require('node:fs');
const path = require('node:path');
const { Index } = require('usearch');
const values = Float32Array.from({ length: 4 * 5 }, (_, i) => ((37 * i) % 101 - 50) / 8);
const files = {};
const save = (name, options, rows) => {
  const index = new Index({ dimensions: 5, connectivity: 8, ...options });
  if (rows > 0) index.add(BigUint64Array.of(10n, 20n, 2n ** 40n, 2n ** 60n), values);
  if (rows > 0) index.remove(20n);
  const file = path.join(process.argv[1], name);
  index.save(file);
  files[name] = fs.readFileSync(file).toString('base64');
};
for (const quantization of ['f32', 'f16', 'bf16', 'f64', 'i8', 'b1'])
  save(`l2-${quantization}`, { metric: 'l2sq', quantization }, 4);
save('cos-f32', { metric: 'cos', quantization: 'f32' }, 4);
save('ip-f32', { metric: 'ip', quantization: 'f32' }, 4);
save('pearson-f32', { metric: 'pearson', quantization: 'f32' }, 4);
save('empty', { metric: 'cos', quantization: 'f32' }, 0);
const { version } = JSON.parse(fs.readFileSync('node_modules/usearch/package.json', 'utf8'));
console.log(JSON.stringify({ version, files }));
"""


def values(n, dtype):
    whole = (37 * np.arange(n)) % 101
    if np.dtype(dtype).kind == 'u':
        return whole.astype(dtype)
    return (whole - 50).astype(dtype) if np.dtype(dtype).kind == 'i' else ((whole - 50) / 8).astype(dtype)


def npy(array, version=None):
    out = io.BytesIO()
    np.lib.format.write_array(out, array, version=version, allow_pickle=True)
    return base64.b64encode(out.getvalue()).decode()


def numpy_files():
    files = {f'{t}': npy(values(12, t).reshape(4, 3)) for t in ['f4', 'f2', 'f8', 'i1', 'u1', 'i4', 'u4']}
    files['i8-keys'] = npy(values(6, 'i8'))
    files['u8-keys'] = npy(values(6, 'u8'))
    files['u8-keys-too-large'] = npy(np.array([1, 2**63], 'u8'))
    files['i4-keys'] = npy(values(6, 'i4'))
    for version in [(1, 0), (2, 0), (3, 0)]:
        files[f'version-{version[0]}'] = npy(values(12, 'f4').reshape(4, 3), version)
    files['no-rows'] = npy(np.zeros((0, 3), 'f4'))
    files['no-columns'] = npy(np.zeros((3, 0), 'f4'))
    files['scalar'] = npy(np.array(1, 'f4'))
    files['three-axes'] = npy(values(12, 'f4').reshape(2, 3, 2))
    files['fortran'] = npy(np.asfortranarray(values(12, 'f4').reshape(4, 3)))
    files['objects'] = npy(np.array([{'a': 1}], dtype=object))
    files['big-endian'] = npy(values(12, '>f4').reshape(4, 3))
    files['complex'] = npy(values(12, 'c8').reshape(4, 3))
    files['fields'] = npy(np.zeros(3, dtype=[('a', '<f4'), ('b', '<i4')]))
    return files


def hnswlib_files():
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        for space in ['l2', 'ip', 'cosine']:
            index = hnswlib.Index(space=space, dim=5)
            index.init_index(max_elements=10, M=4, ef_construction=33, random_seed=1)
            index.add_items(values(40, 'f4').reshape(8, 5), np.arange(8) * 7 + 100, num_threads=1)
            index.mark_deleted(107)
            index.save_index(os.path.join(folder, space))
        index = hnswlib.Index(space='l2', dim=5)
        index.init_index(max_elements=3, M=4, ef_construction=33)
        index.save_index(os.path.join(folder, 'empty'))
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), 'rb') as file:
                files[name] = base64.b64encode(file.read()).decode()
    return files


def write(name, version, files):
    with open(os.path.join(OUT, name), 'w') as file:
        json.dump({'version': version, 'files': files}, file, indent=1)
        file.write('\n')


os.makedirs(OUT, exist_ok=True)
write('numpy.json', np.__version__, numpy_files())
write('hnswlib.json', '0.6.2', hnswlib_files())
with tempfile.TemporaryDirectory() as folder:
    made = subprocess.run(['node', '-e', USEARCH, folder], cwd=ROOT, check=True, capture_output=True)
usearch = json.loads(made.stdout)
write('usearch.json', usearch['version'], usearch['files'])
