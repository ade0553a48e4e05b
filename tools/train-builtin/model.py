"""The two towers of the built-in model, and the heads that only training uses.

Image tower: a small convolutional net down to an 8 x 8 grid, one transformer block over the grid
(so that a cell knows its neighbours and its place), a gated sum over cells, a projection. The sum
makes a picture the sum of its things, which is what lets unseen combinations fall into place.
Text tower: word embeddings, a convolution over neighbouring words, three transformer blocks,
masked mean. Both give 256 numbers; training compares them by cosine.
"""
import math

import torch
from torch import nn
from torch.nn import functional as F

SIDE = 64
GRID = 8
WIDTH = 128
DIM = 256
MAX_TOKENS = 64
SIZES = (12, 10, 4, 3, 4, 3, 3)  # colour, shape, pattern, size, count, column, row
BACKGROUNDS = 15


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x, bias=None):
        width = x.shape[2]
        size = width // self.heads
        q, k, v = self.qkv(x).split(width, dim=2)
        q = q.reshape(x.shape[0], -1, self.heads, size).transpose(1, 2)
        k = k.reshape(x.shape[0], -1, self.heads, size).permute(0, 2, 3, 1)
        v = v.reshape(x.shape[0], -1, self.heads, size).transpose(1, 2)
        scores = torch.matmul(q, k) * (1.0 / math.sqrt(size))
        if bias is not None:
            scores = scores + bias
        mixed = torch.matmul(scores.softmax(dim=-1), v).transpose(1, 2)
        return self.out(mixed.reshape(x.shape[0], -1, width))


class Block(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))

    def forward(self, x, bias=None):
        x = x + self.attention(self.norm1(x), bias)
        return x + self.mlp(self.norm2(x))


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x):
        return F.relu(x + self.body(x))


class Touch(nn.Module):
    """One convolution with a way round it: half of a residual block, for the finer grid."""

    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, x):
        return F.relu(x + self.body(x))


def shrink(inputs, outputs):
    """Halves the picture. Kernel 4: every input pixel counts equally often."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class ImageTower(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(
            shrink(3, 32), shrink(32, 64), Touch(64), shrink(64, WIDTH), Residual(WIDTH)
        )
        self.place = nn.Parameter(torch.randn(1, GRID * GRID, WIDTH) * 0.02)
        self.block = Block(WIDTH, 4, 256)
        self.norm = nn.LayerNorm(WIDTH)
        self.value = nn.Linear(WIDTH, 384)
        self.gate = nn.Linear(WIDTH, 384)
        self.project = nn.Sequential(
            nn.LayerNorm(384 + WIDTH), nn.Linear(384 + WIDTH, 384), nn.ReLU(), nn.Linear(384, DIM)
        )

    def cells(self, pixels):
        x = self.backbone(pixels)
        x = x.flatten(2).transpose(1, 2) + self.place
        return self.norm(self.block(x))

    def pool(self, cells):
        things = (F.relu(self.value(cells)) * torch.sigmoid(self.gate(cells))).sum(dim=1) * 0.2
        return self.project(torch.cat([things, cells.mean(dim=1)], dim=1))

    def forward(self, pixels):
        return self.pool(self.cells(pixels))


class TextTower(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.word = nn.Embedding(words, WIDTH)
        self.place = nn.Parameter(torch.randn(1, MAX_TOKENS, WIDTH) * 0.02)
        nn.init.normal_(self.word.weight, std=0.05)
        self.nearby = nn.Conv1d(WIDTH, WIDTH, 3, padding=1)
        self.blocks = nn.ModuleList([Block(WIDTH, 4, 256) for _ in range(3)])
        self.norm = nn.LayerNorm(WIDTH)
        self.project = nn.Sequential(nn.Linear(WIDTH, 384), nn.ReLU(), nn.Linear(384, DIM))

    def forward(self, ids, mask):
        keep = mask.to(self.place.dtype)
        rows = keep.unsqueeze(2)
        x = (self.word(ids) + self.place[:, : ids.shape[1]]) * rows
        x = x + F.relu(self.nearby(x.transpose(1, 2)).transpose(1, 2))
        bias = (keep - 1.0).unsqueeze(1).unsqueeze(1) * 10000.0
        for block in self.blocks:
            x = block(x, bias)
        x = self.norm(x) * rows
        return self.project(x.sum(dim=1) / rows.sum(dim=1) * 2.0)


# Pairs of attributes whose joint presence both embeddings must tell: (first, second) of SIZES;
# `place` stands for column and row together.
PAIRS = ((0, 1), (0, 2), (1, 2), (1, 3), (1, 4), (0, 'place'), (1, 'place'))


def pair_width(second):
    return 9 if second == 'place' else SIZES[second]


TRAITS = sum(SIZES[a] * pair_width(b) for a, b in PAIRS) + BACKGROUNDS


def traits_of(scenes):
    """scenes: int64 [n, 22] -> float [n, TRAITS] of zeros and ones."""
    groups = scenes[:, :21].reshape(-1, 3, 7)
    parts = []
    for a, b in PAIRS:
        first = groups[:, :, a]
        second = groups[:, :, 5] * 3 + groups[:, :, 6] if b == 'place' else groups[:, :, b]
        width = SIZES[a] * pair_width(b)
        hot = F.one_hot((first * pair_width(b) + second).clamp(min=0), width)
        parts.append((hot * (first >= 0).unsqueeze(2)).amax(dim=1))
    parts.append(F.one_hot(scenes[:, 21], BACKGROUNDS))
    return torch.cat(parts, dim=1).float()


class Trainee(nn.Module):
    """Both towers plus what is thrown away after training."""

    def __init__(self, words):
        super().__init__()
        self.image = ImageTower()
        self.text = TextTower(words)
        self.log_scale = nn.Parameter(torch.tensor(math.log(14.0)))
        self.traits = nn.Linear(DIM, TRAITS)
        nn.init.constant_(self.traits.bias, -3.0)
        self.cell_heads = nn.Linear(WIDTH, 1 + sum(SIZES[:5]))
