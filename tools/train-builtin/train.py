"""Trains the built-in model.

python3 train.py --data DIR --out DIR [--steps N] [--minutes M] [--stop N] [--start FILE] ...

Stops at N steps or after M minutes, whichever is first; the learning rate follows the nearer of
the two, also when --stop ends the run before. Writes words.json at the start and checkpoint.pt (averaged weights) every 500 steps.
"""
import argparse
import copy
import json
import math
import pathlib
import time

import numpy as np
import torch
from torch.nn import functional as F

from data import (
    UNK,
    VARIANTS,
    Shards,
    augment,
    normalise,
    token_batch,
    truth_table,
    unknown_texts,
    vocabulary,
)
from model import SIZES, Trainee, traits_of


def has_bfloat16():
    """Whether the processor multiplies bfloat16 itself: then training is twice as fast."""
    info = pathlib.Path('/proc/cpuinfo')
    return info.exists() and 'avx512_bf16' in info.read_text()


def minutes_since(started):
    return (time.time() - started) / 60


def contrastive(texts, pictures, scale, truth):
    """Cross entropy both ways with every right answer sharing the target equally."""
    logits = scale * texts @ pictures.t()
    by_text = truth / truth.sum(dim=1, keepdim=True)
    by_picture = truth.t() / truth.t().sum(dim=1, keepdim=True)
    loss = -(by_text * logits.log_softmax(dim=1)).sum(dim=1).mean()
    return 0.5 * (loss - (by_picture * logits.t().log_softmax(dim=1)).sum(dim=1).mean())


def cell_loss(predicted, cells, scenes):
    """Each cell says whether a thing has its middle there, and what kind of thing."""
    has_thing = cells > 0
    loss = F.binary_cross_entropy_with_logits(
        predicted[:, :, 0], has_thing.float(), pos_weight=torch.tensor(4.0)
    )
    which, cell = has_thing.nonzero(as_tuple=True)
    group = cells[which, cell] - 1
    rows = scenes[:, :21].reshape(-1, 3, 7)[which, group]
    at = 1
    for attribute, size in enumerate(SIZES[:5]):
        logits = predicted[which, cell, at : at + size]
        loss = loss + 0.4 * F.cross_entropy(logits, rows[:, attribute])
        at += size
    return loss


@torch.no_grad()
def measure(model, shards):
    """Recall@1 and @10 of canonical captions against the shards' pictures."""
    model.eval()
    pictures, texts = [], []
    for start in range(0, shards.count, 250):
        rows = np.arange(start, min(start + 250, shards.count))
        pictures.append(F.normalize(model.image(normalise(shards.pixels(rows)))))
        texts.append(F.normalize(model.text(*token_batch(shards.tokens[rows, 0]))))
    scores = torch.cat(texts) @ torch.cat(pictures).t()
    rank = (scores > scores.diag().unsqueeze(1)).sum(dim=1)
    return (rank < 1).float().mean().item(), (rank < 10).float().mean().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--data', required=True)
    parser.add_argument('--out', required=True)
    parser.add_argument('--steps', type=int, default=6000)
    parser.add_argument('--minutes', type=float, default=1e9)
    parser.add_argument('--stop', type=int, default=10**9, help='end early, at this step')
    parser.add_argument('--unknown', type=float, default=2.0, help='weight of unknown words')
    parser.add_argument('--batch', type=int, default=256)
    parser.add_argument('--rate', type=float, default=2e-3)
    parser.add_argument('--start', help='checkpoint to go on from, with a fresh optimizer')
    parser.add_argument('--seed', type=int, default=7)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--precision', choices=('auto', 'float32', 'bfloat16'), default='auto')
    options = parser.parse_args()
    narrow = options.precision == 'bfloat16' or (options.precision == 'auto' and has_bfloat16())
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    numbers = np.random.default_rng(options.seed)
    generator = torch.Generator().manual_seed(options.seed)
    out = pathlib.Path(options.out)
    out.mkdir(parents=True, exist_ok=True)

    data = pathlib.Path(options.data)
    words = vocabulary(data / 'train')
    (out / 'words.json').write_text(json.dumps(words))
    train = Shards(data / 'train', words)
    unseen = Shards(data / 'held-out', words)
    print(f'{train.count} scenes, {len(words)} words', flush=True)

    model = Trainee(len(words))
    model.image.backbone.to(memory_format=torch.channels_last)  # 1.4x faster on a processor
    before = {'steps': 0, 'minutes': 0.0}
    if options.start:
        before = torch.load(options.start, map_location='cpu')
        model.load_state_dict(before['model'])
    average = copy.deepcopy(model)
    for parameter in average.parameters():
        parameter.requires_grad_(False)
    size = sum(p.numel() for p in [*model.image.parameters(), *model.text.parameters()])
    print(f'{size} parameters, bfloat16 {narrow}', flush=True)
    plain = [p for p in model.parameters() if p.ndim < 2]
    heavy = [p for p in model.parameters() if p.ndim >= 2]
    optimizer = torch.optim.AdamW(
        [{'params': heavy, 'weight_decay': 0.03}, {'params': plain, 'weight_decay': 0.0}],
        lr=options.rate,
        betas=(0.9, 0.98),
    )

    started = time.time()
    order, position = None, 0
    pairs = options.batch // 2
    step, done, seen_loss = 0, 0.0, {}
    while done < 1.0 and step < options.stop:
        done = max(step / options.steps, minutes_since(started) / options.minutes)
        warm = min(1.0, (step + 1) / 200)
        rate = options.rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))
        for group in optimizer.param_groups:
            group['lr'] = rate
        if order is None or position + pairs > len(order):
            order, position = numbers.permutation(train.count // 2), 0
        chosen = order[position : position + pairs]
        position += pairs
        rows = np.stack([2 * chosen, 2 * chosen + 1], axis=1).reshape(-1)

        model.train()
        scenes = torch.from_numpy(train.scenes[rows].astype(np.int64))
        cells = torch.from_numpy(train.cells[rows].astype(np.int64))
        full = numbers.integers(1, 1 + VARIANTS, len(rows))
        short = numbers.integers(1 + VARIANTS, 1 + 2 * VARIANTS, len(rows))
        same = (train.scenes[rows][:, None] == train.scenes[rows][None]).all(axis=2)
        truth = truth_table(train.claims[rows, short], train.scenes[rows])
        pixels = normalise(augment(train.pixels(rows), generator))
        with torch.autocast('cpu', torch.bfloat16, enabled=narrow):
            grid = model.image.cells(pixels.to(memory_format=torch.channels_last))
            raw_pictures = model.image.pool(grid).float()
            grid = grid.float()
        raw_texts = []
        for variant in (full, short):
            ids, mask = token_batch(train.tokens[rows, variant])
            drop = (torch.rand(ids.shape, generator=generator) < 0.01) & (ids > UNK + 2)
            with torch.autocast('cpu', torch.bfloat16, enabled=narrow):
                raw_texts.append(model.text(ids.masked_fill(drop, UNK), mask).float())
        pictures = F.normalize(raw_pictures)
        with torch.autocast('cpu', torch.bfloat16, enabled=narrow):
            strange = model.text(*token_batch(unknown_texts(numbers, words, 32))).float()
        # An honest answer to what the model has no word for: far from every picture, the
        # nearest one above all. Only the texts move; the pictures' places are not at stake.
        cosines = F.normalize(strange) @ pictures.detach().t()
        unknown = F.relu(cosines + 0.1).square().mean()
        unknown = unknown + F.relu(cosines.amax(dim=1) + 0.05).square().mean()
        scale = model.log_scale.exp().clamp(max=60.0)
        wanted = traits_of(scenes)
        weight = 1.0 - 0.7 * min(done, 1.0)
        losses = {
            'full': contrastive(
                F.normalize(raw_texts[0]), pictures, scale, torch.from_numpy(same).float()
            ),
            'short': 0.5 * contrastive(
                F.normalize(raw_texts[1]), pictures, scale, torch.from_numpy(truth).float()
            ),
            'unknown': options.unknown * unknown,
            'cells': weight * cell_loss(model.cell_heads(grid), cells, scenes),
            'picture_traits': weight * 20 * F.binary_cross_entropy_with_logits(
                model.traits(raw_pictures), wanted
            ),
            'text_traits': weight * 20 * F.binary_cross_entropy_with_logits(
                model.traits(raw_texts[0]), wanted
            ),
        }
        optimizer.zero_grad(set_to_none=True)
        sum(losses.values()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimizer.step()
        step += 1
        keep = min(0.998, step / (step + 20.0))
        with torch.no_grad():
            for mine, theirs in zip(average.parameters(), model.parameters()):
                mine.lerp_(theirs, 1.0 - keep)
            for mine, theirs in zip(average.buffers(), model.buffers()):
                mine.copy_(mine.lerp(theirs, 1.0 - keep) if mine.is_floating_point() else theirs)

        for name, value in losses.items():
            seen_loss[name] = seen_loss.get(name, 0.0) + value.item()
        if step % 50 == 0:
            text = ' '.join(f'{name} {value / 50:.3f}' for name, value in seen_loss.items())
            print(f'{minutes_since(started):.1f} min step {step} rate {rate:.5f} scale {scale.item():.1f} {text}', flush=True)
            seen_loss = {}
        if step % 500 == 0 or step == options.stop or done >= 1.0:
            first, ten = measure(average, unseen)
            print(f'held-out combinations: recall@1 {first:.3f} recall@10 {ten:.3f}', flush=True)
            figures = {
                'steps': before['steps'] + step,
                'minutes': before['minutes'] + minutes_since(started),
                'threads': options.threads,
            }
            torch.save({'model': average.state_dict(), **figures}, out / 'checkpoint.tmp')
            (out / 'checkpoint.tmp').replace(out / 'checkpoint.pt')
            (out / 'training.json').write_text(json.dumps(figures))


if __name__ == '__main__':
    main()
