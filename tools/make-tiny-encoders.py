"""Makes test/golden/models/{tiny-minilm,tiny-siglip,tiny-videomae,tiny-wav2vec2,tiny-clip-single}.

    python3 tools/make-tiny-encoders.py

Models of a few kilobytes with fixed random weights and the inputs and outputs of the real ones, and
what they must answer. Each computes something that goes wrong in a visible way if it is fed wrongly:
states depend on every unmasked token and on places, a padded row differs from a short one, a picture
turned on its side or with swapped channels has another vector. The expected values are computed in
numpy in double precision, pooled and normalised there, and never come from the graphs.

Inputs of tests are formulas (`pixel`, `sample`), written once here and once in test/helpers/tiny-models.ts.
"""

import json
import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, '..', 'test', 'golden', 'models')
DIM, SIDE, FRAMES = 8, 16, 16
rng = np.random.default_rng(41)


def normal(*shape):
    return rng.normal(0, 1, shape).astype(np.float32)


def save(name, nodes, inputs, outputs, weights, file='model.onnx'):
    graph = helper.make_graph(
        nodes, 'tiny', inputs, outputs, [numpy_helper.from_array(np.asarray(v), k) for k, v in weights.items()]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 14)], ir_version=7)
    model.producer_name = 'sightline'
    onnx.checker.check_model(model)
    folder = os.path.join(OUT, name, 'onnx')
    os.makedirs(folder, exist_ok=True)
    onnx.save(model, os.path.join(folder, file))


def write(name, file, value):
    path = os.path.join(OUT, name, file)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as out:
        json.dump(value, out, indent=1)
        out.write('\n')


def tensor(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def ids_tensor(name, shape=('batch', 'sequence')):
    return tensor(name, list(shape), TensorProto.INT64)


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


def unit(vector):
    return [float(v) for v in vector / np.linalg.norm(vector)]


def double(array):
    return array.astype(np.float64)


def pixel(frame, y, x, c, seed):
    return (x * 7 + y * 13 + c * 29 + frame * 31 + seed * 17 + (x * y) % 11) % 256


def picture(seed, frame=0):
    return np.array(
        [[[pixel(frame, y, x, c, seed) for c in range(3)] for x in range(SIDE)] for y in range(SIDE)], np.uint8
    )


def sample(i, seed):
    return ((i * i * 31 + i * (17 + seed)) % 2001 - 1000) / 1000


def special(name, i, normalized=False):
    return {
        'id': i, 'content': name, 'single_word': False, 'lstrip': False, 'rstrip': False,
        'normalized': normalized, 'special': True,
    }


# --- tiny-minilm: a BERT-like encoder with attention mask and segments -------------------------------

MINI_VOCAB = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'red', 'green', 'blue', 'cir', '##cle', 'square', 'a', 'night', 'nan', 'void']
MINI_POSITIONS, MINI_TOKENS = 24, 10


def mini_tokenize(text):
    words = []
    for part in text.split('[SEP]'):
        for word in part.lower().split():
            if word == 'circle':
                words += ['cir', '##cle']
            else:
                words.append(word if word in MINI_VOCAB else '[UNK]')
        words.append('[SEP]')
    ids = [MINI_VOCAB.index(w) for w in ['[CLS]'] + words]
    return ids if len(ids) <= MINI_TOKENS else ids[: MINI_TOKENS - 1] + [MINI_VOCAB.index('[SEP]')]


def minilm():
    name = 'tiny-minilm'
    w = {
        'tokens': normal(len(MINI_VOCAB), DIM), 'places': normal(MINI_POSITIONS, DIM), 'types': normal(2, DIM),
        'own': normal(DIM, DIM), 'context': normal(DIM, DIM),
        # Multiplied over the text: `nan` makes everything not a number, `void` everything zero.
        'traps': np.array([1] * 12 + [np.nan, 0], np.float32).reshape(-1, 1),
        'one': np.array([1]), 'two': np.array([2]), 'zero': np.array([0]), 'last': np.array([2]),
    }
    nodes = [
        node('Gather', 'tokens input_ids', 'words'),
        node('Gather', 'types token_type_ids', 'segments'),
        node('Shape', 'input_ids', 'shape'),
        node('Slice', 'shape one two', 'length'),
        node('Slice', 'places zero length', 'positions'),
        node('Add', 'words segments', 'half'),
        node('Add', 'half positions', 'embedded'),
        node('Cast', 'attention_mask', 'mask', to=TensorProto.FLOAT),
        node('Unsqueeze', 'mask last', 'column'),
        node('Mul', 'embedded column', 'seen'),
        node('ReduceSum', 'seen one', 'sum', keepdims=1),
        node('ReduceSum', 'column one', 'count', keepdims=1),
        node('Div', 'sum count', 'mean'),
        node('MatMul', 'embedded own', 'here'),
        node('MatMul', 'mean context', 'around'),
        node('Add', 'here around', 'mixed'),
        node('Tanh', 'mixed', 'states'),
        node('Gather', 'traps input_ids', 'trap'),
        node('ReduceProd', 'trap', 'gate', axes=[1], keepdims=1),
        node('Mul', 'states gate', 'last_hidden_state'),
    ]
    save(
        name, nodes,
        [ids_tensor('input_ids'), ids_tensor('attention_mask'), ids_tensor('token_type_ids')],
        [tensor('last_hidden_state', ['batch', 'sequence', DIM])], w,
    )

    def embed(text):
        ids = mini_tokenize(text)
        embedded = double(w['tokens'])[ids] + double(w['types'])[0] + double(w['places'])[: len(ids)]
        states = np.tanh(embedded @ double(w['own']) + embedded.mean(axis=0) @ double(w['context']))
        return unit(states.mean(axis=0))

    write(name, 'config.json', {
        'model_type': 'bert', 'hidden_size': DIM, 'max_position_embeddings': MINI_POSITIONS, 'pad_token_id': 0,
    })
    write(name, 'sentence_bert_config.json', {'max_seq_length': MINI_TOKENS, 'do_lower_case': False})
    write(name, '1_Pooling/config.json', {
        'word_embedding_dimension': DIM, 'pooling_mode_cls_token': False, 'pooling_mode_mean_tokens': True,
    })
    template = [{'SpecialToken': {'id': '[CLS]', 'type_id': 0}}, {'Sequence': {'id': 'A', 'type_id': 0}},
                {'SpecialToken': {'id': '[SEP]', 'type_id': 0}}]
    write(name, 'tokenizer.json', {
        'version': '1.0',
        # As in the real file: what it was saved with, which must not be used.
        'truncation': {'max_length': 6, 'strategy': 'LongestFirst', 'stride': 0, 'direction': 'Right'},
        'padding': {'strategy': {'Fixed': 6}, 'direction': 'Right', 'pad_id': 0, 'pad_type_id': 0, 'pad_token': '[PAD]'},
        'added_tokens': [special(MINI_VOCAB[i], i) for i in range(4)],
        'normalizer': {'type': 'BertNormalizer', 'clean_text': True, 'handle_chinese_chars': True,
                       'strip_accents': None, 'lowercase': True},
        'pre_tokenizer': {'type': 'BertPreTokenizer'},
        'post_processor': {
            'type': 'TemplateProcessing', 'single': template, 'pair': template,
            'special_tokens': {t: {'id': t, 'ids': [MINI_VOCAB.index(t)], 'tokens': [t]} for t in ('[CLS]', '[SEP]')},
        },
        'decoder': {'type': 'WordPiece', 'prefix': '##', 'cleanup': True},
        'model': {'type': 'WordPiece', 'unk_token': '[UNK]', 'continuing_subword_prefix': '##',
                  'max_input_chars_per_word': 100, 'vocab': {v: i for i, v in enumerate(MINI_VOCAB)}},
    })
    write(name, 'tokenizer_config.json', {
        'tokenizer_class': 'BertTokenizer', 'model_max_length': MINI_POSITIONS, 'do_lower_case': True,
        'pad_token': '[PAD]', 'unk_token': '[UNK]', 'cls_token': '[CLS]', 'sep_token': '[SEP]',
    })
    texts = ['red circle', 'A blue square', '', 'unheard night', 'green ' * 30, 'circle ' * 8, 'red [SEP]  [SEP] blue']
    meta = {'title': 'red', 'description': '', 'query': 'blue', 'transcript': 'a green night'}
    halves = np.concatenate([embed('red [SEP]  [SEP] blue'), embed('a green night')])
    write(name, 'expected.json', {
        'texts': [{'text': t, 'ids': mini_tokenize(t), 'vector': embed(t)} for t in texts],
        'twoPart': {'item': meta, 'vector': unit(halves)},
    })


# --- tiny-siglip: pooler_output, padding to a fixed length, no mask ----------------------------------

SIG_VOCAB = ['<pad>', '</s>', '<unk>', '\u2581', '\u2581red', '\u2581green', '\u2581blue', '\u2581circle', '\u2581a']
SIG_TOKENS = 9


def sig_tokenize(text):
    ids = [SIG_VOCAB.index('\u2581' + w) if '\u2581' + w in SIG_VOCAB else 2 for w in text.lower().split()]
    ids = ids[: SIG_TOKENS - 1] + [1]
    return ids


def siglip():
    name = 'tiny-siglip'
    w = {'project': normal(48, DIM), 'decoy': normal(48, DIM)}
    nodes = [
        node('AveragePool', 'pixel_values', 'patches', kernel_shape=[4, 4], strides=[4, 4]),
        node('Flatten', 'patches', 'flat', axis=1),
        node('MatMul', 'flat project', 'pooler_output'),
        node('MatMul', 'flat decoy', 'other'),
        node('Unsqueeze', 'other middle', 'last_hidden_state'),
    ]
    save(
        name, nodes, [tensor('pixel_values', ['batch', 'channels', 'height', 'width'])],
        [tensor('last_hidden_state', ['batch', 1, DIM]), tensor('pooler_output', ['batch', DIM])],
        {**w, 'middle': np.array([1])}, 'vision_model.onnx',
    )
    words = {'tokens': normal(len(SIG_VOCAB), DIM), 'places': normal(SIG_TOKENS, DIM), 'head': normal(DIM, DIM)}
    # Every place counts, padding too, and the last place is what the head reads most, as in SigLIP.
    words['weights'] = np.linspace(0.5, 2, SIG_TOKENS, dtype=np.float32).reshape(-1, 1)
    nodes = [
        node('Gather', 'tokens input_ids', 'words'),
        node('Shape', 'input_ids', 'shape'),
        node('Slice', 'shape one two', 'length'),
        node('Slice', 'places zero length', 'positions'),
        node('Slice', 'weights zero length', 'weight'),
        node('Add', 'words positions', 'embedded'),
        node('Tanh', 'embedded', 'bent'),
        node('Mul', 'bent weight', 'last_hidden_state'),
        node('ReduceSum', 'last_hidden_state one', 'sum', keepdims=0),
        node('MatMul', 'sum head', 'pooler_output'),
    ]
    save(
        name, nodes, [ids_tensor('input_ids')],
        [tensor('last_hidden_state', ['batch', 'sequence', DIM]), tensor('pooler_output', ['batch', DIM])],
        {**words, 'one': np.array([1]), 'two': np.array([2]), 'zero': np.array([0])}, 'text_model.onnx',
    )

    def embed_text(text):
        ids = sig_tokenize(text)
        ids += [1] * (SIG_TOKENS - len(ids))  # SigLIP pads with its end token
        states = np.tanh(double(words['tokens'])[ids] + double(words['places'])) * double(words['weights'])
        return unit(states.sum(axis=0) @ double(words['head']))

    def embed_picture(seed):
        planes = ((picture(seed).astype(np.float64) / 255 - 0.5) / 0.5).transpose(2, 0, 1)
        flat = planes.reshape(3, 4, 4, 4, 4).mean(axis=(2, 4)).ravel()
        return unit(flat @ double(w['project']))

    write(name, 'config.json', {
        'model_type': 'siglip',
        'text_config': {'model_type': 'siglip_text_model', 'max_position_embeddings': SIG_TOKENS, 'hidden_size': DIM},
        'vision_config': {'model_type': 'siglip_vision_model', 'image_size': SIDE, 'hidden_size': DIM},
    })
    write(name, 'preprocessor_config.json', {
        'image_processor_type': 'SiglipImageProcessor', 'do_resize': True, 'size': {'height': SIDE, 'width': SIDE},
        'resample': 3, 'do_rescale': True, 'rescale_factor': 1 / 255, 'do_normalize': True,
        'image_mean': [0.5] * 3, 'image_std': [0.5] * 3,
    })
    template = [{'Sequence': {'id': 'A', 'type_id': 0}}, {'SpecialToken': {'id': '</s>', 'type_id': 0}}]
    write(name, 'tokenizer.json', {
        'version': '1.0', 'truncation': None, 'padding': None,
        'added_tokens': [special('<pad>', 0), special('</s>', 1), special('<unk>', 2)],
        'normalizer': {'type': 'Lowercase'},
        'pre_tokenizer': {'type': 'Metaspace', 'replacement': '\u2581', 'prepend_scheme': 'always', 'add_prefix_space': True, 'split': True},
        'post_processor': {
            'type': 'TemplateProcessing', 'single': template, 'pair': template,
            'special_tokens': {'</s>': {'id': '</s>', 'ids': [1], 'tokens': ['</s>']}},
        },
        'decoder': None,
        'model': {'type': 'Unigram', 'unk_id': 2, 'vocab': [[v, 0 if i < 3 else -1 - i / 10] for i, v in enumerate(SIG_VOCAB)]},
    })
    write(name, 'tokenizer_config.json', {
        'tokenizer_class': 'SiglipTokenizer', 'model_max_length': SIG_TOKENS,
        'eos_token': '</s>', 'pad_token': '</s>', 'unk_token': '<unk>',
    })
    texts = ['red circle', 'A green blue circle', 'red ' * 20, 'blue']
    write(name, 'expected.json', {
        'pictures': [{'seed': s, 'vector': embed_picture(s)} for s in range(4)],
        'texts': [{'text': t, 'ids': sig_tokenize(t), 'vector': embed_text(t)} for t in texts],
    })


# --- tiny-videomae: 16 frames, tubes of 2, position 0 -------------------------------------------------


def videomae():
    name = 'tiny-videomae'
    w = {
        # Another weight for every pixel: a turned or mirrored frame is another frame.
        'pixels': normal(1, 1, 3, SIDE, SIDE) / SIDE, 'tube': normal(6, DIM), 'places': normal(FRAMES // 2, DIM),
        'own': normal(DIM, DIM), 'context': normal(DIM, DIM),
        'shape': np.array([-1, FRAMES // 2, 6]), 'sides': np.array([3, 4]), 'one': np.array([1]),
    }
    nodes = [
        node('Mul', 'pixel_values pixels', 'weighted'),
        node('ReduceSum', 'weighted sides', 'sums', keepdims=0),
        node('Reshape', 'sums shape', 'tubes'),
        node('MatMul', 'tubes tube', 'tokens'),
        node('Add', 'tokens places', 'embedded'),
        node('ReduceMean', 'embedded', 'mean', axes=[1], keepdims=1),
        node('MatMul', 'embedded own', 'here'),
        node('MatMul', 'mean context', 'around'),
        node('Add', 'here around', 'mixed'),
        node('Tanh', 'mixed', 'last_hidden_state'),
    ]
    save(
        name, nodes, [tensor('pixel_values', ['batch', 'frames', 'channels', 'height', 'width'])],
        [tensor('last_hidden_state', ['batch', FRAMES // 2, DIM])], w,
    )
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]

    def embed(seed, frames):
        count = len(frames)
        if count > FRAMES:
            taken = [frames[(i * (count - 1)) // (FRAMES - 1)] for i in range(FRAMES)]
        else:
            taken = frames + [frames[-1]] * (FRAMES - count)
        clip = np.stack([(picture(seed, f).astype(np.float64) / 255 - mean) / std for f in taken])
        sums = (clip.transpose(0, 3, 1, 2) * double(w['pixels'])[0]).sum(axis=(2, 3))
        embedded = sums.reshape(FRAMES // 2, 6) @ double(w['tube']) + double(w['places'])
        states = np.tanh(embedded @ double(w['own']) + embedded.mean(axis=0) @ double(w['context']))
        return unit(states[0])

    write(name, 'config.json', {
        'model_type': 'videomae', 'image_size': SIDE, 'num_frames': FRAMES, 'tubelet_size': 2, 'hidden_size': DIM,
    })
    write(name, 'preprocessor_config.json', {
        'image_processor_type': 'VideoMAEImageProcessor', 'do_resize': True, 'size': {'shortest_edge': SIDE},
        'resample': 2, 'do_center_crop': True, 'crop_size': {'height': SIDE, 'width': SIDE}, 'do_rescale': True,
        'rescale_factor': 1 / 255, 'do_normalize': True, 'image_mean': mean, 'image_std': std,
    })
    counts = [16, 1, 5, 17, 40]
    write(name, 'expected.json', {
        'clips': [{'seed': s, 'frames': n, 'vector': embed(s, list(range(n)))} for s, n in enumerate(counts)],
    })


# --- tiny-wav2vec2: convolutions over samples, mean over time -----------------------------------------


def wav2vec2():
    name = 'tiny-wav2vec2'
    w = {
        'first': normal(4, 1, 10), 'second': normal(DIM, 4, 3), 'bias': normal(DIM),
        'context': normal(DIM, DIM), 'one': np.array([1]),
    }
    nodes = [
        node('Unsqueeze', 'input_values one', 'channel'),
        node('Conv', 'channel first', 'low', strides=[5]),
        node('Tanh', 'low', 'bent'),
        node('Conv', 'bent second bias', 'high', strides=[2]),
        node('Transpose', 'high', 'features', perm=[0, 2, 1]),
        node('ReduceMean', 'features', 'mean', axes=[1], keepdims=1),
        node('MatMul', 'mean context', 'around'),
        node('Add', 'features around', 'mixed'),
        node('Tanh', 'mixed', 'last_hidden_state'),
    ]
    save(
        name, nodes, [tensor('input_values', ['batch', 'samples'])],
        [tensor('last_hidden_state', ['batch', 'positions', DIM])], w,
    )
    # What most published exports of this model are: a transcriber, whose letters are one matrix away from the states.
    head = {'head': (np.arange(DIM * 5).reshape(DIM, 5) % 7 / 7 - 0.4).astype(np.float32),
            'head_bias': np.linspace(-1, 1, 5).astype(np.float32)}
    save(
        'tiny-wav2vec2', nodes + [
            node('MatMul', 'last_hidden_state head', 'scores'), node('Add', 'head_bias scores', 'logits'),
        ],
        [tensor('input_values', ['batch', 'samples'])], [tensor('logits', ['batch', 'positions', 5])], {**w, **head},
        'ctc_model.onnx',
    )
    # One whose states cannot be told from its answer.
    save(
        'tiny-wav2vec2', nodes[:-1] + [node('Tanh', 'mixed', 'logits')],
        [tensor('input_values', ['batch', 'samples'])], [tensor('logits', ['batch', 'positions', DIM])], w,
        'odd_model.onnx',
    )

    def conv(x, kernel, stride, bias=0):
        size = kernel.shape[2]
        places = range(0, x.shape[1] - size + 1, stride)
        return np.stack([np.tensordot(kernel, x[:, p : p + size], 2) + bias for p in places], axis=1)

    def embed(samples):
        x = np.asarray(samples, np.float32).astype(np.float64)
        x = (x - x.mean()) / np.sqrt(x.var() + 1e-7)
        bent = np.tanh(conv(x[None], double(w['first']), 5))
        features = conv(bent, double(w['second']), 2, double(w['bias'])).T
        states = np.tanh(features + features.mean(axis=0) @ double(w['context']))
        return unit(states.mean(axis=0))

    write(name, 'config.json', {
        'model_type': 'wav2vec2', 'hidden_size': DIM, 'conv_kernel': [10, 3], 'conv_stride': [5, 2],
    })
    write(name, 'preprocessor_config.json', {
        'feature_extractor_type': 'Wav2Vec2FeatureExtractor', 'sampling_rate': 16000, 'do_normalize': True,
        'feature_size': 1, 'padding_value': 0.0, 'return_attention_mask': False,
    })
    lengths = [20, 33, 160, 1000, 4001]
    write(name, 'expected.json', {
        'minSamples': 20,
        'sounds': [{'seed': s, 'samples': n, 'vector': embed([sample(i, s) for i in range(n)])} for s, n in enumerate(lengths)],
        'silence': {'samples': 400, 'vector': embed([0] * 400)},
    })


# --- tiny-clip-single: both towers of tiny-clip in one graph ------------------------------------------


def clip_single():
    source = os.path.join(OUT, 'tiny-clip', 'onnx')
    # Their inner names do not meet, so nothing has to be renamed.
    vision = onnx.load(os.path.join(source, 'vision_model.onnx'))
    text = onnx.load(os.path.join(source, 'text_model.onnx'))
    graphs = [vision.graph, text.graph]
    nodes = [n for g in graphs for n in g.node]
    nodes += [
        node('Transpose', 'text_embeds', 'turned', perm=[1, 0]),
        node('MatMul', 'image_embeds turned', 'logits_per_image'),
    ]
    weights = {i.name: numpy_helper.to_array(i) for g in graphs for i in g.initializer}
    save(
        'tiny-clip-single', nodes,
        [ids_tensor('input_ids', ('text_batch', 'sequence')), tensor('pixel_values', ['image_batch', 3, SIDE, SIDE])],
        [tensor('logits_per_image', ['image_batch', 'text_batch']), tensor('text_embeds', ['text_batch', DIM]),
         tensor('image_embeds', ['image_batch', DIM])],
        weights,
    )


if __name__ == '__main__':
    minilm()
    siglip()
    videomae()
    wav2vec2()
    clip_single()
