/** Harmon on Overtone's engine. */
export { Harmon, type HarmonOptions, type GeneratedPicture, type DescribeOptions } from './harmon.ts';
export { type HarmonConfig, harmonConfigs, parseConfig } from './config.ts';
export { type Tokenizer, createTokenizer } from './tokenizer.ts';
export type { EditOptions } from './edit.ts';
export { type Picture, tile } from './image.ts';
export type { Mask } from './mask.ts';
export { batchCaption } from './prompts.ts';
export { type Randomness, recorded, seeded } from './random.ts';
export type { GuidanceSchedule } from './schedule.ts';
export {
  type FitRequest,
  type FittedForm,
  type MemoryOptions,
  type PlannedOptions,
  formFor,
  plannedPicture,
} from './planned.ts';
export { type MemoryNeed, needText } from './arrangement.ts';
export { LastingHarmon, type LastingOptions, type Loss } from './lasting.ts';
export type { GenerateOptions, GenerateProgress } from './request.ts';
export type { HarmonTuneOptions } from './tune.ts';
export type { GenerateState } from './resume.ts';
