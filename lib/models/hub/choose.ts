/** Chooses the files of a repository that a model of one number type needs. Pure. */
import { makeError } from '../../base/errors';
import { dtypesIn, graphsIn, type Dtype } from '../dtype';
import type { HubFile } from '../store/cache';
import type { Repository } from './listing';
import { SHORT_NAMES } from '../names';

/** They decide preprocessing and pooling. */
const SIDE_FILES = new Set([
  'config.json',
  'preprocessor_config.json',
  'processor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'modules.json',
  'sentence_bert_config.json',
  'config_sentence_transformers.json',
  '1_Pooling/config.json',
]);
/** A tokenizer.json with a vocabulary of 250,000 tokens (XLM-RoBERTa) has 17 MB. */
const MAX_SIDE_BYTES = 64 * 2 ** 20;
/** The largest OpenCLIP, ViT-bigG-14, has 2.5 billion parameters: 10 GB in fp32. */
const MAX_WEIGHT_BYTES = 16 * 2 ** 30;

/**
 * The side files, the graphs and their external data. The combined graph is left out if the towers have
 * graphs of their own: it would be a second copy of the weights.
 *
 * @throws ERR_MODEL_INVALID with a remedy
 */
export function chooseFiles(repository: Repository, dtype: Dtype): readonly HubFile[] {
  const byPath = new Map(repository.files.map((file) => [file.path, file]));
  const graphs = graphsOf(byPath, repository.repository, dtype);
  if (!byPath.has('config.json')) {
    throw invalid(repository.repository, 'has no config.json, so nothing says what it is');
  }
  const chosen = repository.files.filter(
    ({ path }) => SIDE_FILES.has(path) || graphs.some((graph) => isPartOf(path, graph)),
  );
  for (const file of chosen) checkSize(file, repository.repository);
  return chosen;
}

/** @throws ERR_MODEL_INVALID */
export function checkSize(file: HubFile, repository: string): void {
  const limit = SIDE_FILES.has(file.path) ? MAX_SIDE_BYTES : MAX_WEIGHT_BYTES;
  if (file.size <= limit) return;
  throw invalid(repository, `lists ${file.path} with ${file.size} bytes, allowed are ${limit}`);
}

function graphsOf(
  files: ReadonlyMap<string, HubFile>,
  repository: string,
  dtype: Dtype,
): readonly string[] {
  const found = graphsIn(files, dtype);
  if (found.length > 0) return found;
  const others = dtypesIn(files);
  if (others.length > 0) {
    throw invalid(
      repository,
      `has no ${dtype} weights. It has: ` +
        others.map((other) => `sightline models pull ${repository} --dtype ${other}`).join('; '),
    );
  }
  throw invalid(
    repository,
    'has no ONNX files in the layout that is needed (onnx/model.onnx, or onnx/vision_model.onnx and ' +
      `onnx/text_model.onnx). Known to have them: ${SHORT_NAMES.map((name) => `sightline models pull ${name}`).join('; ')}; ` +
      'or export it yourself and use --model FOLDER',
  );
}

/** True for the graph and for the names that exporters give to its external data. */
function isPartOf(path: string, graph: string): boolean {
  return path.startsWith(graph) && /^(\.data|_data(_\d+)?)?$/.test(path.slice(graph.length));
}

function invalid(repository: string, why: string): Error {
  return makeError('ERR_MODEL_INVALID', `${repository} ${why}`, { details: { repository } });
}
