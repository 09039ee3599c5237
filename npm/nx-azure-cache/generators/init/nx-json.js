'use strict';

// Edits nx.json and package.json, which may have comments. It changes only the given values
// and keeps every other byte.

const { createRequire } = require('node:module');

/** @typedef {Record<string, unknown>} Block */

/**
 * @typedef {{ $schema?: unknown, plugins?: any[], azure?: Block, extends?: string, tasksRunnerOptions?: Record<string, any> } & import('../../lib/other-caches').CacheSettings & import('../../lib/workspace').NxJson} NxJson
 */

/**
 * The parser that Nx depends on, so that this package needs none of its own.
 *
 * @returns {typeof import('jsonc-parser')}
 */
function jsonc() {
  return createRequire(require.resolve('nx/package.json'))('jsonc-parser');
}

/**
 * @param {string} text
 * @returns {NxJson}
 */
function parse(text) {
  const value = parseObject(text, 'nx.json');
  if (value.azure !== undefined && !isObject(value.azure)) {
    throw new Error('nx.json: "azure" must be an object');
  }
  return value;
}

/**
 * @param {string} text
 * @param {string} name the file's name
 * @returns {Record<string, any>}
 */
function parseObject(text, name) {
  /** @type {import('jsonc-parser').ParseError[]} */
  const errors = [];
  const value = jsonc().parse(text, errors, { allowTrailingComma: true });
  if (errors.length > 0 || !isObject(value)) {
    throw new Error(`${name}: not a valid JSON object`);
  }
  return value;
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, any>}
 */
function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * @param {string} text
 * @param {string[]} path
 * @param {unknown} value
 * @returns {string}
 */
function set(text, path, value) {
  const { applyEdits, findNodeAtLocation, parseTree } = jsonc();
  const root = parseTree(text, [], { allowTrailingComma: true });
  const find = (/** @type {string[]} */ path) =>
    root && findNodeAtLocation(root, path);
  const node = find(path);
  if (node) {
    const { offset, length } = node;
    return applyEdits(text, [
      { offset, length, content: JSON.stringify(value) },
    ]);
  }
  const object = find(path.slice(0, -1));
  if (!object) throw new Error(`nx.json: no place for ${path.join('.')}`);
  return applyEdits(text, [insertion(text, object, path, value)]);
}

/**
 * Sets a property of the whole object, and adds it as the first one.
 *
 * @param {string} text
 * @param {string} name
 * @param {string} value
 * @returns {string}
 */
function setFirst(text, name, value) {
  const root = jsonc().parseTree(text, [], { allowTrailingComma: true });
  const isPresent = jsonc().findNodeAtLocation(
    /** @type {import('jsonc-parser').Node} */ (root),
    [name],
  );
  if (!root?.children?.length || isPresent) return set(text, [name], value);
  const at = root.offset + 1;
  const [space] = /^\s*/.exec(text.slice(at)) ?? [''];
  const property = `${space}${JSON.stringify(name)}: ${JSON.stringify(value)},`;
  return text.slice(0, at) + property + text.slice(at);
}

/**
 * Removes a property or an element, and the parents that become empty.
 *
 * @param {string} text
 * @param {(string | number)[]} path
 * @returns {string}
 */
function remove(text, path) {
  const { applyEdits, findNodeAtLocation, parseTree } = jsonc();
  const root = parseTree(text, [], { allowTrailingComma: true });
  const find = (/** @type {(string | number)[]} */ path) =>
    root && findNodeAtLocation(root, path);
  if (!find(path)) return text;
  let outer = path;
  while (outer.length > 1 && find(outer.slice(0, -1))?.children?.length === 1) {
    outer = outer.slice(0, -1);
  }
  const node = find(outer);
  const item = node?.parent?.type === 'property' ? node.parent : node;
  return item ? applyEdits(text, [removal(text, item)]) : text;
}

/**
 * Removes a property or an element with the comma on one side and the comment above it.
 * jsonc-parser's own `modify` also removes the line break before a first property.
 *
 * @param {string} text
 * @param {import('jsonc-parser').Node} property
 * @returns {import('jsonc-parser').Edit}
 */
function removal(text, property) {
  const all = property.parent?.children ?? [];
  const end = property.offset + property.length;
  const before = all[all.indexOf(property) - 1];
  if (before) {
    const offset = before.offset + before.length;
    return { offset, length: end - offset, content: '' };
  }
  const { offset } = property;
  const rest = text.slice(end);
  const [comma] = /^\s*,?/.exec(jsonc().stripComments(rest, ' ')) ?? [''];
  if (!comma.endsWith(','))
    return { offset, length: end - offset, content: '' };
  const [space] = /^\s*/.exec(rest.slice(comma.length)) ?? [''];
  const length = end - offset + comma.length + space.length;
  return { offset, length, content: '' };
}

/**
 * Adds a last property. jsonc-parser's own `modify` reformats whole lines, and puts the
 * property between the previous one and its comment.
 *
 * @param {string} text
 * @param {import('jsonc-parser').Node} object
 * @param {string[]} path
 * @param {unknown} value
 * @returns {import('jsonc-parser').Edit}
 */
function insertion(text, object, path, value) {
  const last = object.children?.at(-1);
  const start = last ? last.offset + last.length : object.offset + 1;
  const end = object.offset + object.length - 1;
  const tail = text.slice(start, end);
  const comments = tail.trimEnd();

  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const unit = /^[ \t]+(?=")/m.exec(text)?.[0] ?? '  ';
  const line = (/** @type {number} */ depth) => eol + unit.repeat(depth);
  const inline = last && !text.slice(object.offset, end).includes('\n');

  const name = JSON.stringify(path.at(-1));
  const property = `${name}: ${JSON.stringify(value, null, inline ? 0 : unit)}`;
  const content = [
    last && !jsonc().stripComments(comments).includes(',') ? ',' : '',
    comments,
    inline ? ' ' : line(path.length),
    property.replaceAll('\n', line(path.length)),
    last ? tail.slice(comments.length) : line(path.length - 1),
  ];
  return { offset: start, length: tail.length, content: content.join('') };
}

module.exports = { isObject, parse, parseObject, remove, set, setFirst };
