/** The package finds its worker and its model beside its modules, so the development server must leave it as it is. */
import { defineConfig } from 'vite';

export default defineConfig({
  base: './',
  optimizeDeps: { exclude: ['overtone-gpu'] },
  worker: { format: 'es' },
  build: { target: 'es2023' },
});
