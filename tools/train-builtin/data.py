"""The training set: memory-mapped pictures, tokenised captions, claims; and the augmentations."""
import json
import pathlib
import re

import numpy as np
import torch
from torch.nn import functional as F

from model import MAX_TOKENS, SIDE

CAPTIONS = 9
VARIANTS = 4
SPECIAL = ('[PAD]', '[UNK]', '[BOS]', '[EOS]')
PAD, UNK, BOS, EOS = range(4)
WORD = re.compile(r'\w+|[^\w\s]+')  # what the Whitespace pre-tokenizer of tokenizer.json does


def words_of(text):
    return WORD.findall(text.lower())


def vocabulary(folder):
    """Every word of the shards' captions, in alphabetical order, after the special tokens."""
    words = set()
    for path in sorted(pathlib.Path(folder).glob('shard-*/captions.txt')):
        for line in set(path.read_text().splitlines()):
            words.update(words_of(line))
    return list(SPECIAL) + sorted(words)


class Shards:
    """All shards of a folder, end to end."""

    def __init__(self, folder, words):
        index = {word: i for i, word in enumerate(words)}
        paths = sorted(pathlib.Path(folder).glob('shard-*'))
        self.pictures, self.starts, total = [], [], 0
        scenes, cells, claims, tokens = [], [], [], []
        for path in paths:
            scenes.append(np.fromfile(path / 'scenes.i8', np.int8).reshape(-1, 22))
            count = len(scenes[-1])
            shape = (count, SIDE, SIDE, 3)
            self.pictures.append(np.memmap(path / 'pictures.u8', np.uint8, 'r', shape=shape))
            cells.append(np.fromfile(path / 'cells.u8', np.uint8).reshape(count, 64))
            claims.append(np.fromfile(path / 'claims.i8', np.int8).reshape(count, CAPTIONS, 22))
            lines = (path / 'captions.txt').read_text().splitlines()
            rows = np.zeros((count * CAPTIONS, MAX_TOKENS), np.int16)
            for i, line in enumerate(lines):
                ids = [index.get(word, UNK) for word in words_of(line)][: MAX_TOKENS - 2]
                rows[i, : len(ids) + 2] = [BOS, *ids, EOS]
            tokens.append(rows.reshape(count, CAPTIONS, MAX_TOKENS))
            self.starts.append(total)
            total += count
        self.count = total
        self.scenes = np.concatenate(scenes)
        self.cells = np.concatenate(cells)
        self.claims = np.concatenate(claims)
        self.tokens = np.concatenate(tokens)

    def pixels(self, rows):
        """uint8 [n, 3, 64, 64] as float in 0..1."""
        shard = np.searchsorted(self.starts, rows, side='right') - 1
        out = np.stack([self.pictures[s][r - self.starts[s]] for s, r in zip(shard, rows)])
        return torch.from_numpy(out).permute(0, 3, 1, 2).contiguous().float().div_(255.0)


def token_batch(tokens):
    """int16 [n, MAX_TOKENS] -> ids and mask, cut to the longest row."""
    length = int((tokens != PAD).sum(axis=1).max())
    ids = torch.from_numpy(tokens[:, :length].astype(np.int64))
    return ids, (ids != PAD).long()


FILLERS = 'a an the of in on at with there is show me picture photo image and two one'.split()


def unknown_texts(numbers, words, total):
    """int16 [total, MAX_TOKENS]: one to three unknown words among words that say nothing."""
    fillers = [words.index(word) for word in FILLERS if word in words]
    rows = np.full((total, MAX_TOKENS), PAD, np.int16)
    for row in rows:
        ids = [*numbers.choice(fillers, numbers.integers(0, 6)), *[UNK] * numbers.integers(1, 4)]
        if numbers.random() < 0.5:
            numbers.shuffle(ids)
        row[: len(ids) + 2] = [BOS, *ids, EOS]
    return rows


def truth_table(claims, scenes):
    """claims [m, 22], scenes [n, 22] -> bool [m, n]: claim j is true of scene i."""
    said = claims[:, :21].reshape(-1, 1, 3, 7)
    seen = scenes[:, :21].reshape(1, -1, 3, 7)
    table = (claims[:, 21:] == -1) | (claims[:, 21:] == scenes[None, :, 21])
    for c in range(3):
        found = np.zeros(table.shape, bool)
        for g in range(3):
            fits = np.ones(table.shape, bool)
            for a in range(7):
                wanted = said[:, :, c, a]
                fits &= (wanted == -1) | (wanted == seen[:, :, g, a])
            found |= fits
        table &= found
    return table


def augment(x, generator):
    """Small changes that keep every name true: place, size, blur, light, colour cast, noise."""
    n = x.shape[0]

    def uniform(low, high, *shape):
        return torch.rand(n, *shape, generator=generator) * (high - low) + low

    def some(probability):
        return torch.rand(n, generator=generator) < probability

    moved = some(0.6).nonzero().flatten()
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = uniform(0.94, 1.05), uniform(0.94, 1.05)
    theta[:, 0, 2], theta[:, 1, 2] = uniform(-0.06, 0.06), uniform(-0.06, 0.06)
    grid = F.affine_grid(theta[moved], (len(moved), 3, SIDE, SIDE), align_corners=False)
    x[moved] = F.grid_sample(x[moved], grid, padding_mode='border', align_corners=False)

    for probability, sigma in ((0.15, 0.6), (0.12, 1.0)):
        blurred = some(probability).nonzero().flatten()
        if len(blurred) == 0:
            continue
        side = torch.exp(torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0]) ** 2 / (-2 * sigma**2))
        kernel = torch.outer(side, side) / (side.sum() ** 2)
        padded = F.pad(x[blurred], (2, 2, 2, 2), mode='replicate')
        x[blurred] = F.conv2d(padded, kernel.expand(3, 1, 5, 5), groups=3)

    gray = x.mean(dim=1, keepdim=True)
    x = gray + (x - gray) * uniform(0.78, 1.15, 1, 1, 1)
    x = (x - 0.5) * uniform(0.85, 1.12, 1, 1, 1) + 0.5 + uniform(-0.07, 0.07, 1, 1, 1)
    x = x * uniform(0.96, 1.04, 3, 1, 1)
    strength = uniform(0.0, 0.06, 1, 1, 1) * some(0.5).float().reshape(n, 1, 1, 1)
    x = x + torch.randn(x.shape, generator=generator) * strength
    return x.clamp_(0.0, 1.0)


def normalise(x):
    return (x - 0.5) * 4.0


def read_words(path):
    return json.loads(pathlib.Path(path).read_text())
