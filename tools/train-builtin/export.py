"""Writes a trained checkpoint as a model folder in the Hugging Face layout.

python3 export.py --run DIR --out models/builtin

The weights are stored as float16 and widened when the session loads, which halves the files and
moves the embeddings by less than 0.002. README.md, the model card, is written by
evaluate.js, because its figures are measured through the product.
"""
import argparse
import json
import math
import pathlib

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper

from data import SPECIAL, read_words
from model import DIM, MAX_TOKENS, SIDE, Trainee

OPSET = 14


def narrow(path):
    """Stores every large float32 weight as float16 behind a Cast."""
    model = onnx.load(path)
    graph = model.graph
    casts, kept = [], []
    for weight in graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < 256:
            kept.append(weight)
            continue
        small = weight.name + '_half'
        kept.append(numpy_helper.from_array(values.astype(np.float16), small))
        casts.append(helper.make_node('Cast', [small], [weight.name], to=onnx.TensorProto.FLOAT))
    del graph.initializer[:]
    graph.initializer.extend(kept)
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend(casts + nodes)
    model.producer_name = 'sightline'
    model.producer_version = ''
    onnx.checker.check_model(model)
    onnx.save(model, path)


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + '\n')


def tokenizer_json(words):
    def special(i, word):
        return {'id': i, 'content': word, 'single_word': False, 'lstrip': False,
                'rstrip': False, 'normalized': False, 'special': True}

    def token(name):
        return {'SpecialToken': {'id': name, 'type_id': 0}}

    def one(name):
        return {'id': name, 'ids': [SPECIAL.index(name)], 'tokens': [name]}

    return {
        'version': '1.0',
        'truncation': None,
        'padding': None,
        'added_tokens': [special(i, word) for i, word in enumerate(SPECIAL)],
        'normalizer': {'type': 'Lowercase'},
        'pre_tokenizer': {'type': 'Whitespace'},
        'post_processor': {
            'type': 'TemplateProcessing',
            'single': [token('[BOS]'), {'Sequence': {'id': 'A', 'type_id': 0}}, token('[EOS]')],
            'pair': [token('[BOS]'), {'Sequence': {'id': 'A', 'type_id': 0}}, token('[EOS]'),
                     {'Sequence': {'id': 'B', 'type_id': 0}}, token('[EOS]')],
            'special_tokens': {name: one(name) for name in ('[BOS]', '[EOS]')},
        },
        'decoder': None,
        'model': {
            'type': 'WordLevel',
            'vocab': {word: i for i, word in enumerate(words)},
            'unk_token': '[UNK]',
        },
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--run', required=True)
    parser.add_argument('--out', required=True)
    options = parser.parse_args()
    run, out = pathlib.Path(options.run), pathlib.Path(options.out)
    (out / 'onnx').mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)

    words = read_words(run / 'words.json')
    checkpoint = torch.load(run / 'checkpoint.pt', map_location='cpu')
    model = Trainee(len(words))
    model.load_state_dict(checkpoint['model'])
    model.eval()

    pixels = torch.zeros(2, 3, SIDE, SIDE)
    torch.onnx.export(
        model.image, (pixels,), str(out / 'onnx' / 'vision_model.onnx'), opset_version=OPSET,
        input_names=['pixel_values'], output_names=['image_embeds'],
        dynamic_axes={'pixel_values': {0: 'batch'}, 'image_embeds': {0: 'batch'}},
    )
    ids = torch.ones(2, 7, dtype=torch.int64)
    torch.onnx.export(
        model.text, (ids, torch.ones_like(ids)), str(out / 'onnx' / 'text_model.onnx'),
        opset_version=OPSET,
        input_names=['input_ids', 'attention_mask'], output_names=['text_embeds'],
        dynamic_axes={
            'input_ids': {0: 'batch', 1: 'sequence'},
            'attention_mask': {0: 'batch', 1: 'sequence'},
            'text_embeds': {0: 'batch'},
        },
    )
    for name in ('vision_model', 'text_model'):
        narrow(str(out / 'onnx' / f'{name}.onnx'))

    write_json(out / 'config.json', {
        'model_type': 'clip',
        'architectures': ['CLIPModel'],
        'projection_dim': DIM,
        'logit_scale': float(model.log_scale.clamp(max=math.log(60.0))),  # a logarithm, as in CLIP
        'text_config': {
            'model_type': 'clip_text_model', 'vocab_size': len(words),
            'max_position_embeddings': MAX_TOKENS, 'hidden_size': 128, 'projection_dim': DIM,
            'pad_token_id': 0, 'bos_token_id': 2, 'eos_token_id': 3,
        },
        'vision_config': {
            'model_type': 'clip_vision_model', 'image_size': SIDE, 'hidden_size': 128,
            'projection_dim': DIM,
        },
    })
    write_json(out / 'preprocessor_config.json', {
        'do_convert_rgb': True,
        'do_resize': True, 'size': {'height': SIDE, 'width': SIDE}, 'resample': 3,
        'do_center_crop': False,
        'do_rescale': True, 'rescale_factor': 1 / 255,
        'do_normalize': True, 'image_mean': [0.5, 0.5, 0.5], 'image_std': [0.25, 0.25, 0.25],
    })
    write_json(out / 'tokenizer.json', tokenizer_json(words))
    write_json(out / 'tokenizer_config.json', {
        'tokenizer_class': 'PreTrainedTokenizerFast', 'do_lower_case': True,
        'model_max_length': MAX_TOKENS, 'padding_side': 'right',
        'pad_token': '[PAD]', 'unk_token': '[UNK]', 'bos_token': '[BOS]', 'eos_token': '[EOS]',
    })

    # What evaluate.js compares the exported graphs with.
    generator = torch.Generator().manual_seed(1)
    pixels = torch.rand(2, 3, SIDE, SIDE, generator=generator) * 4 - 2
    ids = torch.randint(4, len(words), (2, 9), generator=generator)
    mask = torch.tensor([[1] * 9, [1] * 6 + [0] * 3])
    with torch.no_grad():
        write_json(run / 'parity.json', {
            'pixels': pixels.flatten().tolist(), 'ids': ids.tolist(), 'mask': mask.tolist(),
            'image_embeds': model.image(pixels).tolist(),
            'text_embeds': model.text(ids * mask, mask).tolist(),
        })
    total = sum(p.stat().st_size for p in out.rglob('*') if p.is_file())
    print(f'{out}: {checkpoint.get("steps")} steps, {total} bytes')


if __name__ == '__main__':
    main()
