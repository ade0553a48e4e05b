"""Makes test/golden/preprocess: small pictures and what Pillow makes of them.

    python3 tools/make-preprocess-golden.py PHOTO [PHOTO ...]

Each PHOTO becomes a small PNG; synthetic pictures join them. For every case the resized and cropped
8-bit picture is stored gzipped, and a few values of the normalised tensor beside it. The committed
fixtures were made with Pillow 9.4 and numpy 1.24 from the NASA portrait of Eileen Collins (public
domain) and a picture of the clothing dataset (CC0 1.0).
"""

import gzip
import json
import os
import sys

import numpy as np
import PIL
from PIL import Image

OUT = os.path.join(os.path.dirname(__file__), '..', 'test', 'golden', 'preprocess')
MEAN = [0.48145466, 0.4578275, 0.40821073]
STD = [0.26862954, 0.26130258, 0.27577711]
FILTERS = {'bicubic': Image.BICUBIC, 'bilinear': Image.BILINEAR}


def pillow(image, size, mode, resample):
    """What the Hugging Face image processor does: resize, then cut the middle out."""
    width, height = image.size
    if mode == 'stretch':
        return np.asarray(image.resize((size, size), resample))
    short, long = min(width, height), max(width, height)
    longer = int(size * long / short)
    target = (size, longer) if width <= height else (longer, size)
    pixels = np.asarray(image.resize(target, resample))
    top, left = (target[1] - size) // 2, (target[0] - size) // 2
    return pixels[top : top + size, left : left + size]


def synthetic(seed=7):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:480, 0:640]
    checker = np.where(((x // 3) + (y // 3)) % 2, 255, 0)
    yield 'noise', rng.integers(0, 256, (61, 97, 3), dtype=np.uint8)
    yield 'checker', np.stack([checker, 255 - checker, (x * 7 + y * 3) % 256], 2).astype(np.uint8)
    yield 'one-pixel', np.array([[[12, 200, 99]]], dtype=np.uint8)
    yield 'thin', rng.integers(0, 256, (300, 3, 3), dtype=np.uint8)
    yield 'wide', rng.integers(0, 2, (5, 401, 3), dtype=np.uint8) * 255


def sources(photos):
    for index, path in enumerate(photos):
        image = Image.open(path).convert('RGB')
        # A piece at full resolution: scaling here would take away the edges that tell resizers apart.
        width, height = min(image.width, 330), min(image.height, 250)
        left, top = (image.width - width) // 2, (image.height - height) // 3
        yield f'photo-{index + 1}', image.crop((left, top, left + width, top + height))
    for name, pixels in synthetic():
        yield name, Image.fromarray(pixels)


def main(photos):
    cases = []
    for index, (name, image) in enumerate(sources(photos)):
        image.save(os.path.join(OUT, f'{name}.png'), optimize=True)
        plans = [(64, 'crop', 'bicubic'), (48, 'stretch', 'bilinear')]
        plans.append((224, 'crop', 'bicubic') if index == 0 else (80, 'stretch', 'bicubic'))
        for size, mode, filter_name in plans:
            pixels = pillow(image, size, mode, FILTERS[filter_name])
            file = f'{name}-{size}-{mode}-{filter_name}.u8.gz'
            with gzip.GzipFile(os.path.join(OUT, file), 'wb', 9, mtime=0) as out:
                out.write(pixels.astype(np.uint8).tobytes())
            tensor = pixels.astype(np.float64) * (1 / 255)
            tensor = ((tensor - MEAN) / STD).astype(np.float32).transpose(2, 0, 1).ravel()
            at = [int(i) for i in np.linspace(0, tensor.size - 1, 9)]
            cases.append({
                'source': f'{name}.png', 'size': size, 'mode': mode, 'filter': filter_name,
                'expected': file, 'tensorAt': at, 'tensor': [float(tensor[i]) for i in at],
            })
    with open(os.path.join(OUT, 'cases.json'), 'w') as out:
        json.dump({'pillow': PIL.__version__, 'mean': MEAN, 'std': STD, 'cases': cases}, out, indent=1)
        out.write('\n')


if __name__ == '__main__':
    main(sys.argv[1:])
