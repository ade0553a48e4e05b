/**
 * Drawn scenes with captions, for training the built-in model, for the sample library and for tests.
 * Deterministic: everything follows from a seed. Uses only `lib/base` and sharp.
 */
export * from './vocabulary';
export { hashText, Random, scramble } from './random';
export {
  isHeldOut,
  isInSplit,
  randomScene,
  siblingScene,
  type Item,
  type ObjectGroup,
  type Scene,
  type SceneOptions,
  type Split,
} from './scene';
export {
  canonicalCaption,
  everythingOf,
  fullCaption,
  isTrueOf,
  partialCaption,
  type Caption,
  type Claim,
  type GroupClaim,
} from './caption';
export { drawSvg } from './draw/draw-svg';
export {
  renderPicture,
  renderPixels,
  sizeOf,
  type PictureFormat,
  type Pixels,
} from './draw/render';
export { drawRaster, type RasterStyle } from './draw/draw-raster';
export {
  filmFrames,
  filmSeconds,
  moved,
  randomFilm,
  sceneAt,
  type Film,
  type FilmOptions,
  type Shot,
} from './motion';
export { samplePlan, type SamplePicture, type SamplePlan, type SampleVideo } from './sample-plan';
export { drawSampleLibrary, type SampleLibraryOptions } from './sample-library';
