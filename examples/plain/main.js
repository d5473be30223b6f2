/**
 * Overtone in a page without a bundler: one module, which finds its worker and the embedded model beside itself. Serve the folder above
 * node_modules with any static server; this path leads to the package from examples/plain.
 */
import { openModelInWorker } from '../../dist/web/overtone.js';

const form = document.querySelector('form');
const canvas = document.querySelector('canvas');
const status = document.querySelector('[role=status]');
const iterations = Number(new URLSearchParams(location.search).get('iterations') ?? 16);

const show = ({ width, height, data }) => {
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) pixels.data.set([...data.subarray(3 * i, 3 * i + 3), 255], 4 * i);
  Object.assign(canvas, { width, height }).getContext('2d').putImageData(pixels, 0, 0);
};

const opening = openModelInWorker('embedded', {
  onProgress: ({ done, total }) => (status.textContent = `Loading ${Math.round((100 * done) / total)} %`),
});

form.addEventListener('submit', (event) => {
  event.preventDefault();
  make(new FormData(form).get('prompt')).catch((error) => (status.textContent = error.message));
});

async function make(prompt) {
  const harmon = await opening;
  const [picture] = await harmon.generate({
    prompt,
    iterations,
    seed: 7,
    onIteration: ({ done, total }) => void (status.textContent = `Iteration ${done} of ${total}`),
  });
  show(picture);
  status.textContent = '';
  for await (const words of harmon.describe(picture)) status.textContent += words;
  document.title = 'Done';
}
