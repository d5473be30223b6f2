/** Overtone in Node: Dawn's device, Harmon from files, pictures in and out. */
export { type NodeDeviceOptions, openDevice } from './device.ts';
export {
  type ModelFiles,
  type ModelPaths,
  type OpenHarmonOptions,
  embeddedModel,
  openHarmon,
  openModelFiles,
} from './model.ts';
export { type ConvertOptions, type Converted, convertModel } from './convert.ts';
export { type PictureText, encodeRecorded, readPictureText } from './picture_text.ts';
export type { ModelIdentity, PictureRecord } from '../src/harmon/record.ts';
export { type DecodeOptions, MAX_PIXELS, decodePicture, encodeJpeg, encodePng } from './pictures.ts';
export { keepTuned, tuneFile, tunedChoices } from './tune_file.ts';
export { type FileSource, fileSource, writeFileAtomic } from './files.ts';
