'use strict';

// `$schema` of nx.json. Editors read it; Nx does not.

/** Nx's own schema, and ours, which includes it. */
const nxSchema = './node_modules/nx/schemas/nx-schema.json';
const ownSchema = './node_modules/@nx/powerpack-azure-cache/nx.schema.json';

/**
 * The schema to write to nx.json. Undefined if nx.json has another one than Nx's, or if our
 * schema is not in node_modules, as with Plug'n'Play.
 *
 * @param {import('nx/src/generators/tree').Tree} tree
 * @param {Record<string, unknown>} nxJson
 */
function schemaFor(tree, { $schema }) {
  const isReplaceable = $schema === undefined || isNxSchema($schema);
  return isReplaceable && tree.exists(ownSchema) ? ownSchema : undefined;
}

/** @param {unknown} value */
function isNxSchema(value) {
  return value === nxSchema || `./${value}` === nxSchema;
}

/** @param {unknown} value */
function isOwnSchema(value) {
  return value === ownSchema || `./${value}` === ownSchema;
}

module.exports = { isOwnSchema, nxSchema, schemaFor };
