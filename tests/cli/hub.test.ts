/** A model by its name on a hub, in real processes: killed and taken up, two at once, then without the hub. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { embeddedModel } from '../../node/model.ts';
import { type HubServer, COMMIT, REPO, serveHub } from '../support/hub_server.ts';
import { overtone, start } from './overtone.ts';

const files = Object.fromEntries(
  readdirSync(embeddedModel())
    .filter((name) => /\.(pth|ckpt|json)$/.test(name))
    .map((name) => [name, new Uint8Array(readFileSync(join(embeddedModel(), name)))]),
);
const [weights] = Object.keys(files).filter((name) => name.endsWith('.pth'));

let hub: HubServer | undefined;
afterEach(() => hub?.close());

it('is fetched once, goes on after a kill, serves two at once and then without the hub', async () => {
  let told: () => void = () => undefined;
  const isHalfWay = new Promise<void>((resolve) => (told = resolve));
  hub = await serveHub({
    files,
    hostile: weights,
    behaviour: ({ response, file, first, last, earlier, good }) => {
      if (earlier > 0) return good();
      response.writeHead(206, { 'Content-Range': `bytes ${first}-${last}/${file.length}` });
      response.write(file.subarray(0, HALF), told); // and then nothing more
    },
  });
  const HALF = 9 << 20;
  const first = start(['info']);
  const env = {
    HF_ENDPOINT: hub.url,
    HF_TOKEN: 'hf_secret',
    HF_HUB_OFFLINE: '',
    OVERTONE_CACHE: join(first.folder, 'cache'),
  };
  await first.ended;
  const make = ['text2image', '--model', `hf:${REPO}`, '--num-iter', '1', '--timesteps', '2', '--image-size', '32'];

  const killed = start(make, { env });
  await Promise.all([isHalfWay, killed.said('Downloading')]);
  killed.child.kill('SIGKILL');
  expect((await killed.ended).code).toBe('SIGKILL');

  const both = [overtone(make, { env }), overtone([...make, '--json'], { env })];
  for (const { code, stderr } of await Promise.all(both)) expect([code, stderr]).toEqual([0, expect.any(String)]);
  const size = Object.entries(files).reduce((sum, [name, { length }]) => sum + (/pth|ckpt/.test(name) ? length : 0), 0);
  expect(hub.cdn.sent).toBeLessThanOrEqual(size + HALF); // each byte once, but for what the killed one had not written
  expect(hub.cdn.requests.every(({ authorization }) => authorization === undefined)).toBe(true);

  const named = await overtone(['info', `hf:${REPO}@${COMMIT}`, '--json'], { env: { ...env, HF_ENDPOINT: hub.url } });
  expect(JSON.parse(named.stdout)).toMatchObject({
    hub: { repo: REPO, commit: COMMIT },
    model: 'harmon-tiny',
    missing: [],
  });
  const seen = hub.requests.length;
  const offline = await overtone([...make, '--prompt', 'a dog'], { env: { ...env, HF_HUB_OFFLINE: '1' } });
  expect(offline.code).toBe(0);
  expect(hub.requests.length).toBe(seen);
});

it('has wrong names refused before anything is asked', async () => {
  const { code, stderr } = await overtone(['doctor', '--model', 'hf:nobody'], {
    env: { HF_ENDPOINT: 'http://127.0.0.1:9' },
  });
  expect(code).toBe(1);
  const text = await overtone(['text2image', '--model', 'hf:a/b/c'], { env: { HF_ENDPOINT: 'http://127.0.0.1:9' } });
  expect([text.code, text.stderr]).toEqual([2, expect.stringMatching(/--model must be spelled hf:owner\/name/)]);
  expect(stderr).toContain('1 check failed: model');
});
