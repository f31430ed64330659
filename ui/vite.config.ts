import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

/** The directory of the package a bundled module comes from, or nothing for our own code. */
function packageDir(id: string): string | undefined {
  const at = id.lastIndexOf('node_modules/');
  if (at < 0) return undefined;
  let dir = dirname(id.replace(/[?#].*$/, '').replace(/^\0/, ''));
  while (dir.length > at) {
    const file = join(dir, 'package.json');
    // Some packages have a second, nameless package.json that only sets the module type.
    if (existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).name) return dir;
    dir = dirname(dir);
  }
  return undefined;
}

/** `licenses.txt`: name, version and licence text of every package that has a module in the bundle. */
function licenses(): Plugin {
  const dirs = new Set<string>();
  return {
    name: 'licenses',
    apply: 'build',
    transform(_code, id) {
      const dir = packageDir(id);
      if (dir) dirs.add(dir);
      return null;
    },
    generateBundle() {
      const parts = [...dirs].sort().map((dir) => {
        const about = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
        const file = readdirSync(dir).find((name) => /^licen[cs]e/i.test(name));
        const text = file ? readFileSync(join(dir, file), 'utf8').trim() : `Licensed under ${about.license}.`;
        return `${about.name} ${about.version} (${about.license})\n\n${text}\n`;
      });
      this.emitFile({ type: 'asset', fileName: 'licenses.txt', source: parts.join(`\n${'-'.repeat(78)}\n\n`) });
    },
  };
}

export default defineConfig({
  base: '/ui/',
  plugins: [react(), licenses()],
  build: {
    target: 'es2022',
    // The content security policy allows no data: URLs.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 900,
  },
  server: {
    port: 21201,
    proxy: { '/api': mock(), '/loki': { ...mock(), ws: true } },
  },
});

function mock() {
  return { target: process.env.SIGNALBOX_URL ?? 'http://127.0.0.1:21200', changeOrigin: true };
}
