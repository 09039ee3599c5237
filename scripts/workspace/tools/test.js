'use strict';

// Tests a project: node tools/test.js PROJECT. A task without outputs.

const assert = require('node:assert');

const [project] = process.argv.slice(2);
const { items } = require(`../dist/${project}/index.js`);
assert.equal(items.length, require(`../${project}/source.json`).length);
console.log(`${items.length} items of ${project} are there`);
