'use strict';

// The build task of chaos. Each workspace has a copy as tools/build.js. It builds a project as
// its plan.json says, always with the same bytes. Its outputs depend on the digests of its
// dependencies, so a wrong result also shows in the tasks after it.

const { createCipheriv, createHash, randomUUID } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

/** @import { Output } from './plan' */

const [project] = process.argv.slice(2);
const plan = JSON.parse(fs.readFileSync(`${project}/plan.json`, 'utf8'));
const dist = path.join('dist', project);
const generated = path.join(project, 'generated');

/**
 * Returns bytes derived from a name. Those of style `random` cannot be compressed.
 *
 * @param {string} name
 * @param {number} size
 * @param {string} style
 */
function bytes(name, size, style) {
  if (style === 'zeros') return Buffer.alloc(size);
  if (style === 'text') {
    return Buffer.from(`${project} ${name} ✔\n`.repeat(size / 8)).subarray(
      0,
      size,
    );
  }
  const key = createHash('sha256').update(`${plan.seed}/${name}`).digest();
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  return cipher.update(Buffer.alloc(size));
}

/**
 * @param {string} file
 * @param {Buffer | string} content
 * @param {number} mode
 */
function write(file, content, mode) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const temporary = plan.atomic ? scratchName() : file;
  fs.writeFileSync(temporary, content);
  fs.chmodSync(temporary, mode); // regardless of the umask
  if (plan.atomic) replace(temporary, file);
}

const scratchName = () => path.join(os.tmpdir(), `build-${randomUUID()}`);

/**
 * Moves a file into place, even if other runs remove the folder meanwhile.
 *
 * @param {string} temporary
 * @param {string} file
 */
function replace(temporary, file) {
  for (let tries = 10; ; tries--) {
    try {
      fs.mkdirSync(path.dirname(file), { recursive: true });
      return fs.renameSync(temporary, file);
    } catch (err) {
      if (tries === 0) throw err;
    }
  }
}

/** @param {Output} output */
function make(output) {
  const target = path.join(dist, output.path);
  switch (output.kind) {
    case 'file': {
      const { size, style, mode } = output;
      return write(target, bytes(output.path, size, style), mode);
    }
    case 'many': {
      for (let i = 0; i < output.count; i++) {
        const name = `${i % 7}/file-${i}.js`;
        const content = bytes(name, (i * 37) % output.size, 'text');
        write(path.join(target, name), content, 0o644);
      }
      return;
    }
    case 'link': {
      fs.mkdirSync(path.dirname(target), { recursive: true });
      if (!plan.atomic) return fs.symlinkSync(output.target, target);
      const temporary = scratchName();
      fs.symlinkSync(output.target, temporary);
      return replace(temporary, target);
    }
    case 'folder': {
      fs.mkdirSync(target, { recursive: true });
      return;
    }
  }
}

/** @param {string} name of a project */
const digestFile = (name) => path.join('dist', name, 'digest.txt');

if (!plan.atomic) {
  fs.rmSync(dist, { recursive: true, force: true });
  fs.rmSync(generated, { recursive: true, force: true });
}
plan.outputs.forEach(make);
if (plan.generates) {
  write(path.join(generated, 'api.ts'), bytes('api', 999, 'text'), 0o600);
}
const digest = createHash('sha256').update(JSON.stringify(plan));
for (const name of plan.dependencies) {
  digest.update(fs.readFileSync(digestFile(name)));
}
write(digestFile(project), `${digest.digest('hex')}\n`, 0o644);

process.stdout.write(bytes('output', plan.printed, 'text'));
console.log(`built ${project}`);
process.exitCode = plan.flaky && process.env.CHAOS_FLAKY ? 1 : plan.code;
setTimeout(() => {}, plan.milliseconds);
