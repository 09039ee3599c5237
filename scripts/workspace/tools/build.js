'use strict';

// Builds a project: node tools/build.js PROJECT. Takes a second, as a compiler
// would, or as many milliseconds as BUILD_TIME says.

const fs = require('node:fs');
const path = require('node:path');

const [project] = process.argv.slice(2);
const dist = path.join('dist', project);
const items = JSON.parse(fs.readFileSync(`${project}/source.json`, 'utf8'));

/** @type {(file: string, content: string, mode?: number) => void} */
function write(file, content, mode = 0o644) {
  const target = path.join(dist, file);
  fs.mkdirSync(path.dirname(target), { recursive: true });
  fs.writeFileSync(target, content, { mode });
}

fs.rmSync(dist, { recursive: true, force: true });
items.forEach((/** @type {string} */ item, /** @type {number} */ i) => {
  write(`items/${item}.js`, `exports.name = ${JSON.stringify(item)};\n`);
  write(`items/${item}.txt`, `${item} `.repeat(10_000 * i));
});

write('bin/run', '#!/bin/sh\nexec node ../index.js\n', 0o755);
write('empty.txt', '');
write(`${'long-name/'.repeat(30)}file.txt`, 'deep\n');
fs.mkdirSync(path.join(dist, 'empty'));
fs.symlinkSync('items', path.join(dist, 'link-to-folder'));
fs.symlinkSync('../bin/run', path.join(dist, 'items', 'link-to-file'));
fs.symlinkSync('nowhere', path.join(dist, 'dangling'));
fs.utimesSync(path.join(dist, 'empty.txt'), 1_000_000_000, 1_000_000_000);

const { implicitDependencies = [] } = JSON.parse(
  fs.readFileSync(`${project}/project.json`, 'utf8'),
);
const parts = implicitDependencies.map((/** @type {string} */ name) =>
  require(path.resolve('dist', name, 'index.js')),
);
write('index.js', `module.exports = ${JSON.stringify({ items, parts })};\n`);

setTimeout(
  () => console.log(`built ${project}: ${items.join(', ')} ✔`),
  Number(process.env.BUILD_TIME ?? 1000),
);
