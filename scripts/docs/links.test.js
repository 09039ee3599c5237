'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { root } = require('../kit/root');
const { anchors, blocks, pages, read, withoutCode } = require('./pages');

describe('links', () => {
  for (const page of pages) {
    test(`of ${page} lead to a file and a section`, () => {
      const links = [...withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, target]) => target)
        .filter((target) => !/^[a-z]+:/.test(target));
      for (const target of links) {
        const [file, anchor] = target.split('#');
        const name = file
          ? path.posix.join(path.posix.dirname(page), file)
          : page;
        assert.ok(fs.existsSync(path.join(root, name)), `${target}: no file`);
        if (anchor !== undefined) {
          assert.ok(
            anchors(read(name)).includes(anchor),
            `${target}: no title`,
          );
        }
      }
    });
  }

  test('are found', () => {
    assert.ok(pages.includes('docs/ci/github-actions.md'));
    const links = pages.flatMap((page) => [
      ...withoutCode(read(page)).matchAll(/\]\([^)\s:]+#/g),
    ]);
    assert.ok(links.length > 20);
  });

  test('in messages lead to a section', () => {
    const folders = ['cache', 'cmd', 'license', 'npm/nx-azure-cache', 'rpc'];
    const sources = folders.flatMap((folder) =>
      fs
        .readdirSync(path.join(root, folder), {
          recursive: true,
          encoding: 'utf8',
        })
        .filter((name) => /(?<!_test)\.go$|(?<!test)\.js$/.test(name))
        .filter((name) => !name.includes('node_modules'))
        .map((name) => path.posix.join(folder, name)),
    );
    const found = sources.flatMap((source) =>
      Array.from(
        read(source).matchAll(/((?:[a-z-]+\/)*[a-z-]+\.md)#([a-z0-9-]+)/g),
        ([, page, anchor]) => ({ source, page, anchor }),
      ),
    );
    assert.ok(found.length > 10, `${found.length}`);
    for (const { source, page, anchor } of found) {
      const name = page.replace(/^.*\bdocs\//, '');
      const text = read(path.join('docs', name));
      assert.ok(anchors(text).includes(anchor), `${source}: ${page}#${anchor}`);
    }
  });

  test('to every guide are in docs/README.md, and it is in the README', () => {
    const index = read('docs/README.md');
    for (const page of pages) {
      if (!page.startsWith('docs/') || page === 'docs/README.md') continue;
      const name = path.posix.relative('docs', page);
      assert.ok(index.includes(`](${name})`), page);
    }
    assert.ok(read('README.md').includes('](docs/README.md)'));
  });
});

describe('blocks of JSON', () => {
  for (const page of pages) {
    const found = blocks(read(page), 'json');
    if (found.length === 0) continue;
    test(`of ${page} parse`, () => found.forEach((block) => JSON.parse(block)));
  }
});
