/** Evaluates the product: its encoders and the engine's linear scan. */
import type { ClipModel } from '../../lib/encode';
import { VectorIndex } from '../../lib/vectors';
import type { Examinee } from './exam';

export function productExaminee(clip: ClipModel): Examinee {
  return {
    embedPictures: (pictures) => clip.image.encode(pictures),
    async embedTexts(texts) {
      const all = new Float32Array(texts.length * clip.dim);
      const batch = 100;
      for (let start = 0; start < texts.length; start += batch) {
        const vectors = await clip.text.encode(texts.slice(start, start + batch));
        all.set(vectors, start * clip.dim);
      }
      return all;
    },
    async nearest(rows, queries, k) {
      const index = await VectorIndex.create({ dim: clip.dim, metric: 'cosine' });
      try {
        await index.add(rows);
        const total = queries.length / clip.dim;
        const found = new Uint32Array(total * k);
        for (let i = 0; i < total; i++) {
          const query = queries.subarray(i * clip.dim, (i + 1) * clip.dim);
          found.set(index.searchExact(query, k).nodes, i * k);
        }
        return found;
      } finally {
        await index.close();
      }
    },
  };
}
