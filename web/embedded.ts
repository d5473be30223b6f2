/** Where the files of the embedded model lie: beside this module, or wherever a bundler has put them. */
export const embeddedUrls = (): Readonly<Record<string, string>> => ({
  'overtone.json': new URL('../models/harmon-tiny/overtone.json', import.meta.url).href,
  'config.json': new URL('../models/harmon-tiny/config.json', import.meta.url).href,
  'tokenizer.json': new URL('../models/harmon-tiny/tokenizer.json', import.meta.url).href,
  'harmon_tiny.pth': new URL('../models/harmon-tiny/harmon_tiny.pth', import.meta.url).href,
  'kl16_tiny.ckpt': new URL('../models/harmon-tiny/kl16_tiny.ckpt', import.meta.url).href,
});
