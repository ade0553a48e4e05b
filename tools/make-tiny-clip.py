"""Makes test/golden/models: a CLIP of a few kilobytes with fixed random weights, and what it answers.

    python3 tools/make-tiny-clip.py

The towers do what real ones do in miniature: the image tower averages patches and projects them; the
text tower embeds tokens, looks only backwards, and reads its answer at the end token, found as the
largest id. A black picture gives a zero vector and a white one NaN, for the tests of both. The
expected values come from numpy, not from the graphs. `tiny-clip-external` holds the image tower once
more with its weights in a file of their own.
"""

import base64
import io
import json
import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, '..', 'test', 'golden', 'models')
DIM, SIDE, MAX_TOKENS = 8, 16, 12
WORDS = ['red', 'green', 'blue', 'circle', 'square', 'a', 'photo', 'of', 'the', 'night']
VOCAB = ['[UNK]', '<|startoftext|>'] + WORDS + ['<|endoftext|>']
START, END = 1, len(VOCAB) - 1

rng = np.random.default_rng(20)
PROJECT = rng.normal(0, 1, (48, DIM)).astype(np.float32)
TOKENS = rng.normal(0, 1, (len(VOCAB), DIM)).astype(np.float32)
PLACES = rng.uniform(0.5, 1.5, (MAX_TOKENS, 1)).astype(np.float32)


def constant(name, value, dtype=np.int64):
    return numpy_helper.from_array(np.array(value, dtype=dtype), name)


def save(path, nodes, inputs, outputs, weights, external=None):
    graph = helper.make_graph(nodes, 'tiny', inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 14)], ir_version=7)
    model.producer_name = 'sightline'
    onnx.checker.check_model(model)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if external is None:
        onnx.save(model, path)
    else:
        onnx.save(model, path, save_as_external_data=True, location=external, size_threshold=256)


def vision(path, external=None):
    nodes = [
        helper.make_node('AveragePool', ['pixel_values'], ['patches'], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node('Flatten', ['patches'], ['flat'], axis=1),
        helper.make_node('MatMul', ['flat', 'project'], ['raw']),
        # 0 * sqrt(0.999 - mean): nothing for any picture but a white one, where it is NaN.
        helper.make_node('ReduceMean', ['flat'], ['mean'], axes=[1], keepdims=1),
        helper.make_node('Sub', ['limit', 'mean'], ['room']),
        helper.make_node('Sqrt', ['room'], ['root']),
        helper.make_node('Mul', ['root', 'zero'], ['trap']),
        helper.make_node('Add', ['raw', 'trap'], ['image_embeds']),
    ]
    weights = [
        numpy_helper.from_array(PROJECT, 'project'),
        constant('limit', 0.999, np.float32),
        constant('zero', 0, np.float32),
    ]
    save(
        path, nodes,
        [helper.make_tensor_value_info('pixel_values', TensorProto.FLOAT, ['batch', 3, SIDE, SIDE])],
        [helper.make_tensor_value_info('image_embeds', TensorProto.FLOAT, ['batch', DIM])],
        weights, external,
    )


def text(path):
    nodes = [
        helper.make_node('Gather', ['tokens', 'input_ids'], ['embedded']),
        helper.make_node('Shape', ['input_ids'], ['shape']),
        helper.make_node('Gather', ['shape', 'one'], ['length']),
        helper.make_node('Slice', ['places', 'zeros', 'length'], ['weights']),
        helper.make_node('Mul', ['embedded', 'weights'], ['weighted']),
        helper.make_node('CumSum', ['weighted', 'axis'], ['backwards']),
        helper.make_node('ArgMax', ['input_ids'], ['end'], axis=1, keepdims=0),
        helper.make_node('OneHot', ['end', 'length', 'off_on'], ['pick'], axis=-1),
        helper.make_node('Unsqueeze', ['pick', 'last'], ['column']),
        helper.make_node('Mul', ['backwards', 'column'], ['picked']),
        helper.make_node('ReduceSum', ['picked', 'one'], ['text_embeds'], keepdims=0),
    ]
    weights = [
        numpy_helper.from_array(TOKENS, 'tokens'),
        numpy_helper.from_array(PLACES, 'places'),
        constant('one', [1]), constant('zeros', [0]), constant('axis', 1), constant('last', [2]),
        constant('off_on', [0, 1], np.float32),
    ]
    save(
        path, nodes,
        [helper.make_tensor_value_info('input_ids', TensorProto.INT64, ['batch', 'sequence'])],
        [helper.make_tensor_value_info('text_embeds', TensorProto.FLOAT, ['batch', DIM])],
        weights,
    )


def unit(vector):
    return [float(v) for v in vector / np.linalg.norm(vector)]


def embed_picture(pixels):
    planes = (pixels.astype(np.float64) / 255).transpose(2, 0, 1)
    flat = planes.reshape(3, 4, 4, 4, 4).mean(axis=(2, 4)).ravel()
    return unit(flat @ PROJECT.astype(np.float64))


def embed_text(ids):
    total = np.zeros(DIM)
    for place, token in enumerate(ids):
        total += TOKENS[token].astype(np.float64) * float(PLACES[place, 0])
        if token == END:
            return unit(total)
    raise ValueError('no end token')


def tokenize(sentence):
    ids = [VOCAB.index(w) if w in VOCAB else 0 for w in sentence.lower().split()]
    return [START] + ids[: MAX_TOKENS - 2] + [END]


def write(path, value):
    with open(path, 'w') as out:
        json.dump(value, out, indent=1)
        out.write('\n')


def token(name):
    return {'SpecialToken': {'id': name, 'type_id': 0}}


def side_files(folder):
    write(os.path.join(folder, 'config.json'), {
        'model_type': 'clip', 'projection_dim': DIM, 'logit_scale': float(np.log(20)),
        'vision_config': {'image_size': SIDE}, 'text_config': {'max_position_embeddings': MAX_TOKENS},
    })
    write(os.path.join(folder, 'preprocessor_config.json'), {
        'do_resize': True, 'size': {'shortest_edge': SIDE}, 'resample': 3, 'do_center_crop': True,
        'crop_size': {'height': SIDE, 'width': SIDE}, 'do_rescale': True, 'rescale_factor': 1 / 255,
        'do_normalize': True, 'image_mean': [0.0, 0.0, 0.0], 'image_std': [1.0, 1.0, 1.0],
    })
    single = [token(VOCAB[START]), {'Sequence': {'id': 'A', 'type_id': 0}}, token(VOCAB[END])]
    write(os.path.join(folder, 'tokenizer.json'), {
        'version': '1.0', 'truncation': None, 'padding': None,
        'added_tokens': [
            {'id': i, 'content': VOCAB[i], 'single_word': False, 'lstrip': False, 'rstrip': False,
             'normalized': False, 'special': True} for i in (0, START, END)
        ],
        'normalizer': {'type': 'Lowercase'},
        'pre_tokenizer': {'type': 'Whitespace'},
        'post_processor': {
            'type': 'TemplateProcessing', 'single': single, 'pair': single,
            'special_tokens': {
                VOCAB[i]: {'id': VOCAB[i], 'ids': [i], 'tokens': [VOCAB[i]]} for i in (START, END)
            },
        },
        'decoder': None,
        'model': {'type': 'WordLevel', 'vocab': {w: i for i, w in enumerate(VOCAB)}, 'unk_token': '[UNK]'},
    })
    write(os.path.join(folder, 'tokenizer_config.json'), {
        'tokenizer_class': 'CLIPTokenizer', 'model_max_length': MAX_TOKENS,
        'bos_token': VOCAB[START], 'eos_token': VOCAB[END], 'pad_token': VOCAB[END], 'unk_token': '[UNK]',
    })


def expected():
    pictures = []
    for seed in range(6):
        pixels = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        png = io.BytesIO()
        Image.fromarray(pixels).save(png, 'PNG')
        pictures.append({'png': base64.b64encode(png.getvalue()).decode(), 'vector': embed_picture(pixels)})
    texts = ['red circle', 'A photo of the blue square', 'unknownword night', '', 'green ' * 40]
    return {
        'pictures': pictures,
        'texts': [{'text': t, 'ids': tokenize(t), 'vector': embed_text(tokenize(t))} for t in texts],
    }


def main():
    folder = os.path.join(OUT, 'tiny-clip')
    vision(os.path.join(folder, 'onnx', 'vision_model.onnx'))
    text(os.path.join(folder, 'onnx', 'text_model.onnx'))
    side_files(folder)
    write(os.path.join(folder, 'expected.json'), expected())
    weights = os.path.join(OUT, 'tiny-clip-external', 'onnx', 'vision_weights.bin')
    if os.path.exists(weights):
        os.remove(weights)  # onnx appends to a file that is there
    vision(os.path.join(OUT, 'tiny-clip-external', 'onnx', 'vision_model.onnx'), 'vision_weights.bin')


if __name__ == '__main__':
    main()
